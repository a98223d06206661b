/* What the files of the Python binding share. This folder is the only one of the core that knows Python.
 *
 * Limited API, so that one build serves every Python from 3.11 on. Errors of the core come back as
 * numbers (0 or -errno, with the stage in the record); the Python side turns them into sentences. */
#ifndef IOMODELS_BINDING_H
#define IOMODELS_BINDING_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#include "settings.h"

/* As METH_VARARGS and METH_NOARGS functions of the module; in tables.c. */
PyObject *tables_engines(PyObject *module, PyObject *unused);
PyObject *tables_engine(PyObject *module, PyObject *args);
PyObject *tables_load_plugin(PyObject *module, PyObject *args);
PyObject *tables_channels(PyObject *module, PyObject *unused);
PyObject *tables_complexities(PyObject *module, PyObject *unused);
PyObject *tables_ask(PyObject *module, PyObject *args);
PyObject *tables_setting_choices(PyObject *module, PyObject *unused);
PyObject *tables_record_layout(PyObject *module, PyObject *unused);
PyObject *tables_event_layout(PyObject *module, PyObject *unused);
PyObject *tables_histogram_lower(PyObject *module, PyObject *unused);
extern const char tables_engines_doc[], tables_engine_doc[], tables_channels_doc[], tables_ask_doc[],
    tables_complexities_doc[],
    tables_load_plugin_doc[];
extern const char tables_setting_choices_doc[], tables_record_layout_doc[], tables_event_layout_doc[];
extern const char tables_histogram_lower_doc[];

struct loop;
struct record;

/* The type `Loop`; in loop_object.c. */
extern PyType_Spec loop_object_spec;

/* What an object of it holds; of a `Work`, at its beginning. */
struct loop_object {
    PyObject_HEAD
    struct loop *loop;
    struct record *record; /* mapped; shared with the parent */
    bool close_failed;
};

/* The record behind the descriptor, mapped, or NULL with errno. */
struct record *loop_object_map(int fd);
/* Ends what is in flight, without the GIL: 0 or -errno. */
int loop_object_close(struct loop_object *self);
/* The method `run`. */
PyObject *loop_object_run(PyObject *object, PyObject *args);
/* What `loop_object_map` gave, unless something may still write to it. */
void loop_object_unmap(struct loop_object *self);

/* The types `Work`, whose base is `Loop`, and `Transfer`; in work_object.c. */
extern PyType_Spec work_object_spec, transfer_object_spec;

/* Whole numbers by name into `settings`, the rest at its default. 0, or -1 with a Python error. In
 * loop_object.c. */
int settings_from_dict(struct settings *settings, PyObject *dict);

#endif
