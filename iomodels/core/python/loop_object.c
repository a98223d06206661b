/* The type `Loop`: one trial's measured loop, with the record that it shares with the parent. */
#include "binding.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "channel.h"
#include "engine.h"
#include "loop/loop.h"
#include "record.h"

int settings_from_dict(struct settings *settings, PyObject *dict)
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

struct record *loop_object_map(int fd)
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
    if (settings_from_dict(&setup.settings, settings) < 0)
        return NULL;
    setup.record = loop_object_map(record_fd);
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

int loop_object_close(struct loop_object *self)
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

/* After a failed close the record stays mapped: something may still write to it. */
void loop_object_unmap(struct loop_object *self)
{
    if (!self->close_failed)
        munmap(self->record, sizeof(struct record));
}

static void loop_dealloc(PyObject *object)
{
    struct loop_object *self = (struct loop_object *)object;
    PyTypeObject *type = Py_TYPE(object);

    (void)loop_object_close(self);
    loop_object_unmap(self);
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
PyObject *loop_object_run(PyObject *object, PyObject *args)
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
    return PyLong_FromLong(loop_object_close((struct loop_object *)object));
}

static PyMethodDef loop_methods[] = {
    {"is_open", loop_is_open, METH_NOARGS, loop_is_open_doc},
    {"run", loop_object_run, METH_VARARGS, loop_run_doc},
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

PyType_Spec loop_object_spec = {
    .name = "iomodels._core.Loop",
    .basicsize = sizeof(struct loop_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = loop_slots,
};
