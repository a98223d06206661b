/* The types `Work` and `Transfer`: a loop whose transfers a program in Python makes (relay.h).
 *
 * `run` and `close` belong on a thread of their own, which waits in the core without the GIL. The program takes what has
 * been handed over, makes it, and calls `next` with its end. A slot's Transfer is one object, which always says what its
 * current transfer is; so nothing is allocated for one, but for the numbers that are read from it. */
#include "binding.h"

#include <errno.h>
#include <poll.h>

#include "channel.h"
#include "engines/relay.h"
#include "loop/loop.h"
#include "loop/loop_state.h"
#include "record.h"

/* The kernel's: below its negative nothing is -errno. */
#define LARGEST_ERRNO 4095

struct transfer_object {
    PyObject_HEAD
    uint32_t slot;
    /* Whether the program has it. Elsewhere it may change at any time, and is gone once the loop is closed; so nothing
     * of it is looked at then. Without the GIL two threads may get here at once. */
    bool is_handed_out;
    struct request *request; /* the loop's */
    PyObject *view;          /* of the buffer, as it was asked for last, or NULL; and what that was: */
    char *viewed;
    size_t viewed_length;
    bool viewed_for_reading;
};

struct work_object {
    struct loop_object base;
    struct relay *relay;
    uint32_t count;
    PyObject **transfers; /* by slot */
};

/* ------------------------------------------------------------------ a transfer */

static PyObject *not_handed_out(void)
{
    PyErr_SetString(PyExc_RuntimeError, "the slot is at rest: it has no transfer until it is taken again");
    return NULL;
}

/* NULL, with an error, where the program does not have it. */
static const struct request *request_of(PyObject *object)
{
    struct transfer_object *self = (struct transfer_object *)object;

    if (__atomic_load_n(&self->is_handed_out, __ATOMIC_ACQUIRE))
        return self->request;
    not_handed_out();
    return NULL;
}

static PyObject *get_slot(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(((struct transfer_object *)object)->slot);
}

static PyObject *get_fd(PyObject *object, void *unused)
{
    const struct request *request = request_of(object);

    (void)unused;
    return request ? PyLong_FromLong(request->fd) : NULL;
}

static PyObject *get_operation(PyObject *object, void *unused)
{
    const struct request *request = request_of(object);

    (void)unused;
    return request ? PyLong_FromLong((long)request->operation) : NULL;
}

static PyObject *get_offset(PyObject *object, void *unused)
{
    const struct request *request = request_of(object);

    (void)unused;
    return request ? PyLong_FromLongLong(request->offset) : NULL;
}

static PyObject *get_length(PyObject *object, void *unused)
{
    const struct request *request = request_of(object);

    (void)unused;
    return request ? PyLong_FromSize_t(request->length) : NULL;
}

/* What is left of a message may be there with its beginning. */
static PyObject *get_poll_first(PyObject *object, void *unused)
{
    const struct request *request = request_of(object);

    (void)unused;
    if (!request)
        return NULL;
    return PyBool_FromLong(request->poll_first && request->operation == OPERATION_READ && request->moved == 0);
}

/* Mostly the same as the last time, and then the same object. */
static PyObject *get_buffer(PyObject *object, void *unused)
{
    struct transfer_object *self = (struct transfer_object *)object;
    const struct request *request = request_of(object);

    (void)unused;
    if (!request)
        return NULL;
    const bool reads = request->operation == OPERATION_READ;
    if (!self->view || self->viewed != request->buffer || self->viewed_length != request->length ||
        self->viewed_for_reading != reads) {
        PyObject *view = PyMemoryView_FromMemory(request->buffer, (Py_ssize_t)request->length,
                                                 reads ? PyBUF_WRITE : PyBUF_READ);

        if (!view)
            return NULL;
        Py_XDECREF(self->view);
        self->view = view;
        self->viewed = request->buffer;
        self->viewed_length = request->length;
        self->viewed_for_reading = reads;
    }
    return Py_NewRef(self->view);
}

static void transfer_dealloc(PyObject *object)
{
    struct transfer_object *self = (struct transfer_object *)object;
    PyTypeObject *type = Py_TYPE(object);

    Py_XDECREF(self->view);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyGetSetDef transfer_attributes[] = {
    {"slot", get_slot, NULL, "0 … depth-1, and from there on those on idle descriptors.", NULL},
    {"fd", get_fd, NULL, "The descriptor.", NULL},
    {"operation", get_operation, NULL, "0 read, 1 write, 2 fdatasync, 3 fsync.", NULL},
    {"offset", get_offset, NULL, "The position in a file; -1 where the descriptor has none.", NULL},
    {"length", get_length, NULL, "How many bytes are left to transfer.", NULL},
    {"buffer", get_buffer, NULL, "Those bytes, or room for them: a memoryview that next() makes invalid.", NULL},
    {"poll_first", get_poll_first, NULL,
     "A read of what is not there yet: the peer sends it when it has got a message.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot transfer_slots[] = {
    {Py_tp_doc, "What a slot is to transfer now. Valid until next() has returned something else for it."},
    {Py_tp_dealloc, (void *)transfer_dealloc},
    {Py_tp_getset, (void *)transfer_attributes},
    {0, NULL},
};

PyType_Spec transfer_object_spec = {
    .name = "iomodels._core.Transfer",
    .basicsize = sizeof(struct transfer_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = transfer_slots,
};

/* ------------------------------------------------------------------ opening and closing */

static int make_transfers(struct work_object *self, PyTypeObject *type)
{
    PyObject *module = PyType_GetModule(type);
    PyObject *transfer_type = module ? PyObject_GetAttrString(module, "Transfer") : NULL;
    const struct loop *loop = self->base.loop;

    if (!transfer_type)
        return -1;
    allocfunc allocate = (allocfunc)PyType_GetSlot((PyTypeObject *)transfer_type, Py_tp_alloc);
    const uint32_t count = loop->depth + loop->idle;
    self->transfers = PyMem_Calloc(count, sizeof *self->transfers);
    if (!self->transfers)
        PyErr_NoMemory();
    for (; self->transfers && self->count < count; self->count++) {
        PyObject *transfer = allocate((PyTypeObject *)transfer_type, 0);

        if (!transfer)
            break;
        ((struct transfer_object *)transfer)->request = &loop->requests[self->count];
        ((struct transfer_object *)transfer)->slot = self->count;
        self->transfers[self->count] = transfer;
    }
    Py_DECREF(transfer_type);
    return self->count == count ? 0 : -1;
}

PyDoc_STRVAR(work_doc,
             "Work(channel, settings, record_fd, nonblocking, moves_data): a loop whose transfers the caller makes. "
             "`nonblocking`: whether it wants such descriptors; `moves_data`: False for no I/O at all. run() and close() "
             "belong on a thread of their own; see Loop.");
static PyObject *work_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"channel", "settings", "record_fd", "nonblocking", "moves_data", NULL};
    const char *channel_name;
    PyObject *settings;
    int record_fd, nonblocking, moves_data;
    struct loop_setup setup = {.engine = &engine_relay};

    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO!ipp", (char **)names, &channel_name, &PyDict_Type, &settings,
                                     &record_fd, &nonblocking, &moves_data) ||
        settings_from_dict(&setup.settings, settings) < 0)
        return NULL;
    setup.channel = channel_find(channel_name);
    if (!setup.channel)
        return PyErr_Format(PyExc_ValueError, "no channel '%s'", channel_name);
    setup.settings.options[RELAY_NONBLOCKING] = nonblocking;
    setup.settings.options[RELAY_MOVES_DATA] = moves_data;
    setup.record = loop_object_map(record_fd);
    if (!setup.record)
        return PyErr_SetFromErrno(PyExc_OSError);
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct work_object *self = (struct work_object *)allocate(type, 0);
    if (!self) {
        loop_object_unmap(&(struct loop_object){.record = setup.record});
        return NULL;
    }
    self->base.record = setup.record;
    if (loop_open(&self->base.loop, &setup) == 0) { /* a failure stays in the record, and in `is_open` */
        self->relay = relay_retain(self->base.loop->engine_state);
        if (make_transfers(self, type) < 0)
            Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static void work_dealloc(PyObject *object)
{
    struct work_object *self = (struct work_object *)object;
    PyTypeObject *type = Py_TYPE(object);

    if (self->relay)
        relay_leave(self->relay);
    (void)loop_object_close(&self->base);
    loop_object_unmap(&self->base);
    if (self->relay)
        relay_release(self->relay);
    for (uint32_t i = 0; i < self->count; i++)
        Py_DECREF(self->transfers[i]);
    PyMem_Free(self->transfers);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* ------------------------------------------------------------------ for the program */

static struct relay *relay_of(PyObject *object)
{
    struct relay *relay = ((struct work_object *)object)->relay;

    if (!relay)
        PyErr_SetString(PyExc_ValueError, "the work is not open");
    return relay;
}

static PyObject *transfer_or_none(struct work_object *self, const struct request *request)
{
    if (!request)
        return Py_NewRef(Py_None);
    PyObject *object = self->transfers[request->slot];

    __atomic_store_n(&((struct transfer_object *)object)->is_handed_out, true, __ATOMIC_RELEASE);
    return Py_NewRef(object);
}

PyDoc_STRVAR(work_run_doc, "run(duration_ns, max_operations=0, part=0) -> int: as Loop's. Its own thread is none of "
                           "those that the record counts: the engine has the process's first one.");
static PyObject *work_run(PyObject *object, PyObject *args)
{
    PyObject *done = loop_object_run(object, args);
    struct slice *slice = done ? ((struct loop_object *)object)->loop->slice : NULL;

    if (slice && slice->threads > 1)
        slice->threads--;
    return done;
}

PyDoc_STRVAR(work_take_doc, "take() -> Transfer or None: the oldest one that was handed over. Never waits.");
static PyObject *work_take(PyObject *object, PyObject *unused)
{
    struct relay *relay = relay_of(object);

    (void)unused;
    return relay ? transfer_or_none((struct work_object *)object, relay_take(relay)) : NULL;
}

PyDoc_STRVAR(work_wait_doc, "wait() -> bool: until there is something to take (True), or all is over (False). Releases "
                            "the GIL.");
static PyObject *work_wait(PyObject *object, PyObject *unused)
{
    struct relay *relay = relay_of(object);
    int ready = 0;

    (void)unused;
    if (!relay)
        return NULL;
    while (ready == 0) {
        struct pollfd wanted = {.fd = relay_fd(relay), .events = POLLIN};

        Py_BEGIN_ALLOW_THREADS
        ready = poll(&wanted, 1, -1);
        Py_END_ALLOW_THREADS
        if (ready < 0 && errno != EINTR)
            return PyErr_SetFromErrno(PyExc_OSError);
        if (ready < 0 && PyErr_CheckSignals() < 0)
            return NULL;
        ready = ready < 0 ? 0 : ready;
    }
    return PyBool_FromLong(!relay_is_closed(relay));
}

PyDoc_STRVAR(work_fileno_doc,
             "fileno() -> int: a descriptor that is readable while there is something to take, or all is over.");
static PyObject *work_fileno(PyObject *object, PyObject *unused)
{
    struct relay *relay = relay_of(object);

    (void)unused;
    return relay ? PyLong_FromLong(relay_fd(relay)) : NULL;
}

PyDoc_STRVAR(work_is_over_doc, "is_over() -> bool: whether close() has ended everything.");
static PyObject *work_is_over(PyObject *object, PyObject *unused)
{
    struct relay *relay = relay_of(object);

    (void)unused;
    return relay ? PyBool_FromLong(relay_is_closed(relay)) : NULL;
}

PyDoc_STRVAR(work_leave_doc, "leave(): the program uses the descriptors no more; close() waits for that.");
static PyObject *work_leave(PyObject *object, PyObject *unused)
{
    struct relay *relay = relay_of(object);

    (void)unused;
    if (!relay)
        return NULL;
    relay_leave(relay);
    return Py_NewRef(Py_None);
}

/* Each transfer ends once. The program gives it back with its end; NULL, with an error, where it does not have it. */
static struct request *give_back(PyObject *object)
{
    struct transfer_object *transfer = (struct transfer_object *)object;

    if (__atomic_exchange_n(&transfer->is_handed_out, false, __ATOMIC_ACQ_REL))
        return transfer->request;
    not_handed_out();
    return NULL;
}

/* The end of a transfer with these bytes; they may lie anywhere. */
static PyObject *next_with_bytes(struct work_object *self, PyObject *transfer, PyObject *bytes)
{
    struct request *request;
    PyObject *next = NULL;
    Py_buffer buffer;

    if (PyObject_GetBuffer(bytes, &buffer, PyBUF_SIMPLE) < 0)
        return NULL;
    const struct request *current = request_of(transfer);
    if (current && current->operation != OPERATION_READ)
        PyErr_SetString(PyExc_TypeError, "only a read ends with bytes");
    else if (current && (request = give_back(transfer)) != NULL) {
        request->data = buffer.len > 0 ? buffer.buf : NULL;
        next = transfer_or_none(
            self, relay_next(self->relay, &(struct completion){.request = request, .result = buffer.len}));
    }
    PyBuffer_Release(&buffer);
    return next;
}

PyDoc_STRVAR(work_next_doc,
             "next(transfer, result) -> Transfer or None: its end, and what the slot is to transfer next. `result` is a "
             "number of bytes in its buffer (of a sync: 0), -errno, or, of a read, the bytes themselves. RuntimeError: it "
             "has ended already; ValueError: no such number.");
static PyObject *work_next(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    struct work_object *self = (struct work_object *)object;

    if (count != 2 || !self->relay || Py_TYPE(args[0]) != Py_TYPE(self->transfers[0])) {
        PyErr_SetString(PyExc_TypeError, "next takes a Transfer and its result");
        return NULL;
    }
    if (!PyLong_CheckExact(args[1]))
        return next_with_bytes(self, args[0], args[1]);
    const Py_ssize_t result = PyLong_AsSsize_t(args[1]);

    if (result == -1 && PyErr_Occurred())
        return NULL;
    if (result < -LARGEST_ERRNO) {
        PyErr_SetString(PyExc_ValueError, "a result below 0 is -errno, and this is none");
        return NULL;
    }
    struct request *request = give_back(args[0]);
    if (!request)
        return NULL;
    return transfer_or_none(
        self, relay_next(self->relay, &(struct completion){.request = request, .result = result}));
}

static PyMethodDef work_methods[] = {
    {"run", work_run, METH_VARARGS, work_run_doc},
    {"take", work_take, METH_NOARGS, work_take_doc},
    {"wait", work_wait, METH_NOARGS, work_wait_doc},
    {"fileno", work_fileno, METH_NOARGS, work_fileno_doc},
    {"is_over", work_is_over, METH_NOARGS, work_is_over_doc},
    {"leave", work_leave, METH_NOARGS, work_leave_doc},
    {"next", (PyCFunction)(void (*)(void))work_next, METH_FASTCALL, work_next_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot work_slots[] = {
    {Py_tp_doc, (void *)work_doc},
    {Py_tp_new, (void *)work_new},
    {Py_tp_dealloc, (void *)work_dealloc},
    {Py_tp_methods, work_methods},
    {0, NULL},
};

PyType_Spec work_object_spec = {
    .name = "iomodels._core.Work",
    .basicsize = sizeof(struct work_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = work_slots,
};
