/* The module: its functions, the clock, the process and the data file (see binding.h). */
#include "binding.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "channels/file.h"
#include "channels/peer.h"
#include "engine.h"
#include "loop/compute.h"
#include "plugin.h"
#include "record/clock.h"

static PyObject *raise_errno(int error)
{
    errno = -error;
    return PyErr_SetFromErrno(PyExc_OSError);
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

/* The least of many: something else may have the CPU in most of them. */
static double measure_read_ns(const struct clock *clock)
{
    enum { BATCHES = 200, READS = 200 };
    uint64_t least_ns = UINT64_MAX;

    for (int batch = 0; batch < BATCHES; batch++) {
        const uint64_t start_ns = clock_monotonic_ns();

        for (int i = 0; i < READS; i++)
            (void)*(volatile uint64_t *)&(uint64_t){clock_now_ns(clock)};
        const uint64_t took_ns = clock_monotonic_ns() - start_ns;
        if (took_ns < least_ns)
            least_ns = took_ns;
    }
    return (double)least_ns / READS;
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

/* ------------------------------------------------------------------ the module */

static PyMethodDef module_methods[] = {
    {"engines", tables_engines, METH_NOARGS, tables_engines_doc},
    {"engine", tables_engine, METH_VARARGS, tables_engine_doc},
    {"load_plugin", tables_load_plugin, METH_VARARGS, tables_load_plugin_doc},
    {"channels", tables_channels, METH_NOARGS, tables_channels_doc},
    {"complexities", tables_complexities, METH_NOARGS, tables_complexities_doc},
    {"ask", tables_ask, METH_VARARGS, tables_ask_doc},
    {"setting_choices", tables_setting_choices, METH_NOARGS, tables_setting_choices_doc},
    {"record_layout", tables_record_layout, METH_NOARGS, tables_record_layout_doc},
    {"event_layout", tables_event_layout, METH_NOARGS, tables_event_layout_doc},
    {"histogram_lower", tables_histogram_lower, METH_NOARGS, tables_histogram_lower_doc},
    {"clock_calibrate", module_clock_calibrate, METH_VARARGS, clock_calibrate_doc},
    {"compute_calibrate", module_compute_calibrate, METH_VARARGS, compute_calibrate_doc},
    {"clock_info", module_clock_info, METH_NOARGS, clock_info_doc},
    {"die_with_parent", module_die_with_parent, METH_VARARGS, die_with_parent_doc},
    {"make_file", module_make_file, METH_VARARGS, make_file_doc},
    {"direct_alignment", module_direct_alignment, METH_VARARGS, direct_alignment_doc},
    {NULL, NULL, 0, NULL},
};

/* What Python reads in a wait status and in an engine's calls. */
static int add_numbers(PyObject *module)
{
    if (PyModule_AddIntConstant(module, "ABI", IOMODELS_ABI) < 0 ||
        PyModule_AddIntMacro(module, PEER_EXIT_WRONG_BYTES) < 0 ||
        PyModule_AddIntMacro(module, SLEEPS_ANYWHERE) < 0 ||
        PyModule_AddIntMacro(module, SLEEPS_ON_STREAMS) < 0 ||
        PyModule_AddIntMacro(module, SLEEPS_ON_STORAGE) < 0)
        return -1;
    return 0;
}

/* A new type of the module's, borrowed from it, or NULL. */
static PyObject *add_type(PyObject *module, const char *name, PyType_Spec *spec, PyObject *base)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, base);

    if (!type)
        return NULL;
    const int error = PyModule_AddObjectRef(module, name, type);
    Py_DECREF(type);
    return error ? NULL : type;
}

static int module_exec(PyObject *module)
{
    PyObject *loop = add_type(module, "Loop", &loop_object_spec, NULL);

    if (!loop || !add_type(module, "Work", &work_object_spec, loop) ||
        !add_type(module, "Transfer", &transfer_object_spec, NULL))
        return -1;
    return add_numbers(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)module_exec},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED}, /* its objects lock what threads share (relay.c), and slots share nothing */
#endif
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
