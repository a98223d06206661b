/* The Python binding, and the only file of the core that knows Python.
 *
 * Limited API, so that one build serves every Python from 3.11 on. Errors of the core come back as
 * numbers (0 or -errno, with the stage in the record); the Python side turns them into sentences. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"
#include "channels/file.h"
#include "engine.h"
#include "loop/compute.h"
#include "loop/loop.h"
#include "record.h"
#include "record/clock.h"
#include "record/recorder.h"

/* ------------------------------------------------------------------ small helpers */

static int set_item(PyObject *dict, const char *key, PyObject *value)
{
    if (!value)
        return -1;
    int error = PyDict_SetItemString(dict, key, value);
    Py_DECREF(value);
    return error;
}

static int set_flag(PyObject *dict, const char *key, bool value)
{
    return set_item(dict, key, PyBool_FromLong(value));
}

static int set_number(PyObject *dict, const char *key, uint64_t value)
{
    return set_item(dict, key, PyLong_FromUnsignedLongLong(value));
}

static PyObject *raise_errno(int error)
{
    errno = -error;
    return PyErr_SetFromErrno(PyExc_OSError);
}

/* ------------------------------------------------------------------ the tables */

static PyObject *engine_caps_dict(const struct engine_caps *caps)
{
    PyObject *dict = PyDict_New();

    if (!dict || set_flag(dict, "files", caps->files) || set_flag(dict, "streams", caps->streams) ||
        set_flag(dict, "waits", caps->waits) || set_flag(dict, "batches", caps->batches) ||
        set_flag(dict, "spins", caps->spins) ||
        set_flag(dict, "blocks_in_submit", caps->blocks_in_submit) ||
        set_flag(dict, "nonblocking_descriptors", caps->nonblocking_descriptors) ||
        set_flag(dict, "degenerate_on_files", caps->degenerate_on_files) ||
        set_flag(dict, "moves_data", caps->moves_data) || set_flag(dict, "cancels", caps->cancels) ||
        set_flag(dict, "waits_for_all", caps->waits_for_all) ||
        set_flag(dict, "chains", caps->chains) || set_flag(dict, "nowait", caps->nowait) ||
        set_number(dict, "max_depth", caps->max_depth) ||
        set_number(dict, "max_descriptor", caps->max_descriptor))
        Py_CLEAR(dict);
    return dict;
}

PyDoc_STRVAR(engines_doc, "engines() -> dict: the capabilities of every engine, by name.");
static PyObject *module_engines(PyObject *module, PyObject *unused)
{
    PyObject *dict = PyDict_New();

    (void)module, (void)unused;
    for (const struct engine *const *engine = engines; dict && *engine; engine++)
        if (set_item(dict, (*engine)->name, engine_caps_dict(&(*engine)->caps)))
            Py_CLEAR(dict);
    return dict;
}

static PyObject *names_list(const char *const *names, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);

    for (size_t i = 0; list && i < count; i++) {
        PyObject *name = PyUnicode_FromString(names[i]);

        if (!name || PyList_SetItem(list, (Py_ssize_t)i, name))
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *words_dict(void)
{
    PyObject *dict = PyDict_New();

    for (const struct record_name *name = record_names; dict && name->name; name++)
        if (set_item(dict, name->name, Py_BuildValue("(II)", name->word, name->words)))
            Py_CLEAR(dict);
    return dict;
}

PyDoc_STRVAR(record_layout_doc,
             "record_layout() -> dict: `size` in bytes; `words`, name to (first word, words), words "
             "being uint64; `calls` and `stages`, names in the order of their numbers.");
static PyObject *module_record_layout(PyObject *module, PyObject *unused)
{
    PyObject *dict = PyDict_New();

    (void)module, (void)unused;
    if (!dict || set_number(dict, "size", sizeof(struct record)) ||
        set_item(dict, "words", words_dict()) ||
        set_item(dict, "calls", names_list(call_names, CALL_COUNT)) ||
        set_item(dict, "stages", names_list(stage_names, STAGE_COUNT)))
        Py_CLEAR(dict);
    return dict;
}

PyDoc_STRVAR(event_layout_doc,
             "event_layout() -> dict: what a trace's ring looks like. `ring` and `event`, the names of "
             "their words, which are uint64 (an event's result: int64); `kinds`, in the order of their "
             "numbers.");
static PyObject *module_event_layout(PyObject *module, PyObject *unused)
{
#define X(name) #name,
    static const char *const ring[] = {RING_FIELDS(X)}, *const event[] = {EVENT_FIELDS(X)};
#undef X
    PyObject *dict = PyDict_New();

    (void)module, (void)unused;
    if (!dict || set_item(dict, "ring", names_list(ring, sizeof ring / sizeof *ring)) ||
        set_item(dict, "event", names_list(event, sizeof event / sizeof *event)) ||
        set_item(dict, "kinds", names_list(event_kind_names, EVENT_KIND_COUNT)))
        Py_CLEAR(dict);
    return dict;
}

PyDoc_STRVAR(histogram_lower_doc,
             "histogram_lower() -> list: the lower bound of every histogram bucket, in ns.");
static PyObject *module_histogram_lower(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(HISTOGRAM_BUCKETS);

    (void)module, (void)unused;
    for (uint32_t i = 0; list && i < HISTOGRAM_BUCKETS; i++) {
        PyObject *lower = PyLong_FromUnsignedLongLong(histogram_lower(i));

        if (!lower || PyList_SetItem(list, (Py_ssize_t)i, lower))
            Py_CLEAR(list);
    }
    return list;
}

/* ------------------------------------------------------------------ the clock and the process */

PyDoc_STRVAR(clock_calibrate_doc,
             "clock_calibrate(window_ns) -> int: nanoseconds per TSC tick as 32.32 fixed point, "
             "or 0 where the kernel does not trust the TSC and the loop uses clock_gettime.");
static PyObject *module_clock_calibrate(PyObject *module, PyObject *args)
{
    unsigned long long window_ns;
    struct clock clock;

    (void)module;
    if (!PyArg_ParseTuple(args, "K", &window_ns))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    clock_calibrate(&clock, window_ns);
    Py_END_ALLOW_THREADS
    return PyLong_FromUnsignedLongLong(clock.ns_per_tick_q32);
}

PyDoc_STRVAR(compute_calibrate_doc,
             "compute_calibrate(window_ns) -> int: units of computation per millisecond here.");
static PyObject *module_compute_calibrate(PyObject *module, PyObject *args)
{
    unsigned long long window_ns;
    uint64_t units;

    (void)module;
    if (!PyArg_ParseTuple(args, "K", &window_ns))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    units = compute_calibrate(window_ns);
    Py_END_ALLOW_THREADS
    return PyLong_FromUnsignedLongLong(units);
}

static double measure_read_ns(const struct clock *clock)
{
    enum { READS = 20000 };
    uint64_t start_ns = clock_monotonic_ns();

    for (int i = 0; i < READS; i++)
        (void)*(volatile uint64_t *)&(uint64_t){clock_now_ns(clock)};
    return (double)(clock_monotonic_ns() - start_ns) / READS;
}

PyDoc_STRVAR(clock_info_doc,
             "clock_info() -> dict: `source` ('tsc' or 'clock_gettime'), `frequency_hz` (0 if not "
             "known) and `read_ns`, what reading it takes.");
static PyObject *module_clock_info(PyObject *module, PyObject *unused)
{
    struct clock clock;
    uint64_t frequency_hz = 0;

    (void)module, (void)unused;
    clock_calibrate(&clock, NS_PER_S / 50);
    if (clock.ns_per_tick_q32)
        frequency_hz = (uint64_t)(((uint128)NS_PER_S << 32) / clock.ns_per_tick_q32);
    return Py_BuildValue("{s:s,s:K,s:d}", "source", clock.ns_per_tick_q32 ? "tsc" : "clock_gettime",
                         "frequency_hz", (unsigned long long)frequency_hz, "read_ns",
                         measure_read_ns(&clock));
}

PyDoc_STRVAR(die_with_parent_doc,
             "die_with_parent(parent): this process gets SIGKILL when its parent ends; raises "
             "ProcessLookupError if the parent, a process id, has ended already.");
static PyObject *module_die_with_parent(PyObject *module, PyObject *args)
{
    long parent;

    (void)module;
    if (!PyArg_ParseTuple(args, "l", &parent))
        return NULL;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return raise_errno(-errno);
    if (getppid() != (pid_t)parent) /* it ended before prctl took effect */
        return raise_errno(-ESRCH);
    Py_RETURN_NONE;
}

/* ------------------------------------------------------------------ the data file */

/* Runs the handlers of signals that came, without the lock otherwise; Ctrl-C raises in its own. */
static int signalled(void)
{
    PyGILState_STATE state = PyGILState_Ensure();
    int error = PyErr_CheckSignals() < 0 ? -EINTR : 0;

    PyGILState_Release(state);
    return error;
}

PyDoc_STRVAR(make_file_doc,
             "make_file(folder, size, seed) -> int: a descriptor of a new file without a name, "
             "filled with content that is a function of offset and seed. Raises OSError, and what "
             "a signal's handler raises meanwhile; then there is no file.");
static PyObject *module_make_file(PyObject *module, PyObject *args)
{
    const char *folder;
    unsigned long long size, seed;
    int fd;

    (void)module;
    if (!PyArg_ParseTuple(args, "sKK", &folder, &size, &seed))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    fd = file_make(folder, size, seed, signalled);
    Py_END_ALLOW_THREADS
    if (PyErr_Occurred())
        return NULL;
    return fd < 0 ? raise_errno(fd) : PyLong_FromLong(fd);
}

PyDoc_STRVAR(direct_alignment_doc,
             "direct_alignment(fd) -> int: bytes to which direct I/O on the file must be aligned; "
             "0 where the file system has no direct I/O.");
static PyObject *module_direct_alignment(PyObject *module, PyObject *args)
{
    int fd;

    (void)module;
    if (!PyArg_ParseTuple(args, "i", &fd))
        return NULL;
    return PyLong_FromUnsignedLong(file_direct_alignment(fd));
}

/* ------------------------------------------------------------------ Loop */

struct loop_object {
    PyObject_HEAD
    struct loop *loop;
    struct record *record; /* mapped; shared with the parent */
    bool close_failed;
};

static int read_settings(struct settings *settings, PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;

    *settings = settings_default();
    while (PyDict_Next(dict, &position, &key, &value)) {
        const struct setting_name *name = setting_names;
        long long number = PyLong_AsLongLong(value);

        if (number == -1 && PyErr_Occurred())
            return -1;
        while (name->name && PyUnicode_CompareWithASCIIString(key, name->name) != 0)
            name++;
        if (!name->name) {
            PyErr_Format(PyExc_KeyError, "no setting %R", key);
            return -1;
        }
        *(int64_t *)((char *)settings + name->offset) = number;
    }
    if (settings->depth < 1 || settings->depth > 65536 || settings->idle < 0 ||
        settings->idle > 65536 || settings->batch < 0 || settings->block < 1 ||
        settings->block > (INT64_C(1) << 30)) {
        PyErr_SetString(PyExc_ValueError, "depth must be 1 … 65536, idle 0 … 65536, batch at least 0, "
                                          "and block 1 … 2^30");
        return -1;
    }
    return 0;
}

static struct record *map_record(int fd)
{
    struct stat stat;

    if (fstat(fd, &stat) < 0)
        return NULL;
    if ((size_t)stat.st_size != sizeof(struct record)) {
        errno = EINVAL;
        return NULL;
    }
    void *memory = mmap(NULL, sizeof(struct record), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

PyDoc_STRVAR(loop_doc,
             "Loop(engine, channel, settings, record_fd): one trial's loop. `settings` are whole "
             "numbers by name; the record is a zeroed file of record_layout()['size'] bytes. The "
             "methods return 0 or -errno; the record then holds the stage. `open` must come first.");
static PyObject *loop_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"engine", "channel", "settings", "record_fd", NULL};
    const char *engine_name, *channel_name;
    PyObject *settings;
    int record_fd;
    struct loop_setup setup = {0};

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "ssOi", (char **)names, &engine_name,
                                     &channel_name, &settings, &record_fd))
        return NULL;
    setup.engine = engine_find(engine_name);
    setup.channel = channel_find(channel_name);
    if (!setup.engine || !setup.channel || !PyDict_Check(settings)) {
        PyErr_Format(PyExc_ValueError, "no engine '%s', no channel '%s', or settings is no dict",
                     engine_name, channel_name);
        return NULL;
    }
    if (read_settings(&setup.settings, settings) < 0)
        return NULL;
    setup.record = map_record(record_fd);
    if (!setup.record)
        return PyErr_SetFromErrno(PyExc_OSError);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct loop_object *self = (struct loop_object *)allocate(type, 0);
    if (!self) {
        munmap(setup.record, sizeof(struct record));
        return NULL;
    }
    self->record = setup.record;
    (void)loop_open(&self->loop, &setup); /* a failure stays in the record, and in `open` */
    return (PyObject *)self;
}

static int close_loop(struct loop_object *self)
{
    struct loop *loop = self->loop;
    int error = 0;

    self->loop = NULL;
    if (loop) {
        Py_BEGIN_ALLOW_THREADS
        error = loop_close(loop);
        Py_END_ALLOW_THREADS
        self->close_failed = error != 0;
    }
    return error;
}

static void loop_dealloc(PyObject *object)
{
    struct loop_object *self = (struct loop_object *)object;
    PyTypeObject *type = Py_TYPE(object);

    /* After a failed close the record stays mapped: something may still write to it. */
    (void)close_loop(self);
    if (!self->close_failed)
        munmap(self->record, sizeof(struct record));
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

PyDoc_STRVAR(loop_is_open_doc, "is_open() -> bool: whether opening went well.");
static PyObject *loop_is_open(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct loop_object *)object)->loop != NULL);
}

PyDoc_STRVAR(loop_run_doc,
             "run(duration_ns, max_operations=0, part=0) -> int: one slice; 0 or -errno. `part`: 0 I/O and "
             "computation, 1 I/O alone, 2 computation alone. Releases the GIL.");
static PyObject *loop_run_method(PyObject *object, PyObject *args)
{
    struct loop_object *self = (struct loop_object *)object;
    unsigned long long duration_ns, max_operations = 0;
    int part = PART_BOTH;
    int error;

    if (!PyArg_ParseTuple(args, "K|Ki", &duration_ns, &max_operations, &part))
        return NULL;
    if (!self->loop) {
        PyErr_SetString(PyExc_ValueError, "the loop is not open");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    error = loop_run(self->loop, duration_ns, max_operations, (enum part)part);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(error);
}

PyDoc_STRVAR(loop_close_doc, "close() -> int: ends what is in flight; 0 or -errno.");
static PyObject *loop_close_method(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(close_loop((struct loop_object *)object));
}

static PyMethodDef loop_methods[] = {
    {"is_open", loop_is_open, METH_NOARGS, loop_is_open_doc},
    {"run", loop_run_method, METH_VARARGS, loop_run_doc},
    {"close", loop_close_method, METH_NOARGS, loop_close_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot loop_slots[] = {
    {Py_tp_doc, (void *)loop_doc},
    {Py_tp_new, (void *)loop_new},
    {Py_tp_dealloc, (void *)loop_dealloc},
    {Py_tp_methods, loop_methods},
    {0, NULL},
};

static PyType_Spec loop_spec = {
    .name = "iomodels._core.Loop",
    .basicsize = sizeof(struct loop_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = loop_slots,
};

/* ------------------------------------------------------------------ the module */

static PyMethodDef module_methods[] = {
    {"engines", module_engines, METH_NOARGS, engines_doc},
    {"record_layout", module_record_layout, METH_NOARGS, record_layout_doc},
    {"event_layout", module_event_layout, METH_NOARGS, event_layout_doc},
    {"histogram_lower", module_histogram_lower, METH_NOARGS, histogram_lower_doc},
    {"clock_calibrate", module_clock_calibrate, METH_VARARGS, clock_calibrate_doc},
    {"compute_calibrate", module_compute_calibrate, METH_VARARGS, compute_calibrate_doc},
    {"clock_info", module_clock_info, METH_NOARGS, clock_info_doc},
    {"die_with_parent", module_die_with_parent, METH_VARARGS, die_with_parent_doc},
    {"make_file", module_make_file, METH_VARARGS, make_file_doc},
    {"direct_alignment", module_direct_alignment, METH_VARARGS, direct_alignment_doc},
    {NULL, NULL, 0, NULL},
};

static int module_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &loop_spec, NULL);

    if (!type)
        return -1;
    int error = PyModule_AddObjectRef(module, "Loop", type);
    Py_DECREF(type);
    return error;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "_core",
    .m_doc = "The measured core of iomodels.",
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&module_definition);
}
