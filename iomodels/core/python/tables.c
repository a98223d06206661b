/* The core's tables, as Python reads them: engines, settings, the record, a trace's events. */
#include "binding.h"

#include "channel.h"
#include "engine.h"
#include "plugin.h"
#include "record.h"
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

/* None for NULL. */
static PyObject *text_or_none(const char *text)
{
    return Py_BuildValue("z", text);
}

static int append(PyObject *list, PyObject *value)
{
    if (!value)
        return -1;
    int error = PyList_Append(list, value);
    Py_DECREF(value);
    return error;
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

/* Of an array that NULL ends. */
static PyObject *choices_list(const char *const *choices)
{
    size_t count = 0;

    while (choices[count])
        count++;
    return names_list(choices, count);
}

/* ------------------------------------------------------------------ engines */

static PyObject *option_dict(const struct engine_option *option)
{
    PyObject *dict = PyDict_New();

    if (!dict || set_item(dict, "name", text_or_none(option->name)) ||
        set_item(dict, "meaning", text_or_none(option->meaning)) ||
        set_item(dict, "choices", option->choices ? choices_list(option->choices) : PyList_New(0)) ||
        set_item(dict, "low", PyLong_FromLongLong(option->low)) ||
        set_item(dict, "high", PyLong_FromLongLong(option->high)) ||
        set_item(dict, "default", PyLong_FromLongLong(option->fallback)) ||
        set_number(dict, "needs_option", option->needs_option) ||
        set_number(dict, "needs_values", option->needs_values) ||
        set_number(dict, "untried_values", option->untried_values))
        Py_CLEAR(dict);
    return dict;
}

static PyObject *options_list(const struct engine_option *option)
{
    PyObject *list = PyList_New(0);

    for (; list && option && option->name; option++)
        if (append(list, option_dict(option)))
            Py_CLEAR(list);
    return list;
}

static const char *const news_names[] = {
#define X(constant, name) [NEWS_##constant] = (name),
    ENGINE_NEWS(X)
#undef X
};

static const char *const worker_names[] = {
#define X(constant, name) [WORKER_##constant] = (name),
    ENGINE_WORKERS(X)
#undef X
};

static PyObject *engine_dict(const struct engine *engine)
{
    PyObject *dict = PyDict_New();

    if (!dict || set_item(dict, "title", text_or_none(engine->title)) ||
        set_item(dict, "calls", text_or_none(engine->calls_in_words)) ||
        set_item(dict, "summary", text_or_none(engine->summary)) ||
        set_item(dict, "other_side", text_or_none(engine->other_side)) ||
        set_item(dict, "instead", text_or_none(engine->instead)) ||
        set_flag(dict, "synchronous", engine->is_synchronous) ||
        set_flag(dict, "blocking", engine->is_blocking) ||
        set_flag(dict, "in_matrix", engine->in_matrix) || set_number(dict, "figure", engine->figure) ||
        set_number(dict, "complexity", engine->complexity) ||
        set_item(dict, "options", options_list(engine->options)))
        Py_CLEAR(dict);
    return dict;
}

const char tables_engines_doc[] =
    "engines() -> dict: what every engine says of itself, by name: words for people, and its options in the "
    "order of their numbers.";
PyObject *tables_engines(PyObject *module, PyObject *unused)
{
    PyObject *dict = PyDict_New();

    (void)module, (void)unused;
    for (const struct engine *const *engine = engines; dict && *engine; engine++)
        if (set_item(dict, (*engine)->name, engine_dict(*engine)))
            Py_CLEAR(dict);
    return dict;
}

const char tables_load_plugin_doc[] =
    "load_plugin(path) -> (name, dict): loads the one shared object that a process may load; what its engine says of "
    "itself, as in engines(). Raises ImportError: what is wrong with it, a sentence.";
PyObject *tables_load_plugin(PyObject *module, PyObject *args)
{
    char why[PLUGIN_WHY];
    const char *path;

    (void)module;
    if (!PyArg_ParseTuple(args, "s", &path))
        return NULL;
    const struct engine *engine = plugin_load(path, why);
    if (!engine) {
        PyErr_SetString(PyExc_ImportError, why);
        return NULL;
    }
    PyObject *told = engine_dict(engine);
    return told ? Py_BuildValue("(sN)", engine->name, told) : NULL;
}

const char tables_complexities_doc[] =
    "complexities() -> list: what an engine's `complexity` counts, the simplest first: pairs of name and sentence.";
PyObject *tables_complexities(PyObject *module, PyObject *unused)
{
    static const char *const complexities[][2] = {
#define X(constant, name, sentence) {name, sentence},
        ENGINE_COMPLEXITIES(X)
#undef X
    };
    PyObject *list = PyList_New(0);

    (void)module, (void)unused;
    for (size_t i = 0; list && i < sizeof complexities / sizeof *complexities; i++)
        if (append(list, Py_BuildValue("(ss)", complexities[i][0], complexities[i][1])))
            Py_CLEAR(list);
    return list;
}

const char tables_channels_doc[] = "channels() -> list: the names of all channels.";
PyObject *tables_channels(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(0);

    (void)module, (void)unused;
    for (const struct channel *const *channel = channels; list && *channel; channel++)
        if (append(list, text_or_none((*channel)->name)))
            Py_CLEAR(list);
    return list;
}

static PyObject *caps_dict(const struct engine_caps *caps)
{
    static const char *const starts[] = {
#define X(constant, name) [NEXT_##constant] = (name),
        NEXT_STARTS(X)
#undef X
    };
    PyObject *dict = PyDict_New();

#define X(name) || set_flag(dict, #name, caps->name)
    bool failed = !dict ENGINE_FLAGS(X);
#undef X
#define X(name) || set_number(dict, #name, caps->name)
    failed = failed ENGINE_LIMITS(X);
#undef X
    if (failed || set_item(dict, "next_start", text_or_none(starts[caps->next_start])))
        Py_CLEAR(dict);
    return dict;
}

static PyObject *calls_dict(const struct engine_call *call)
{
    PyObject *dict = PyDict_New();

    for (; dict && call && call->id != CALL_COUNT; call++)
        if (set_item(dict, call_names[call->id],
                     Py_BuildValue("(sI)", call_class_names[call->class], call->sleeps)))
            Py_CLEAR(dict);
    return dict;
}

static PyObject *counters_list(const struct engine_counter *counter)
{
    PyObject *list = PyList_New(0);

    for (; list && counter && counter->name; counter++)
        if (append(list, Py_BuildValue("(sz)", counter->name, counter->warning)))
            Py_CLEAR(list);
    return list;
}

/* The engine of that name, and its options; NULL with a Python error. */
static const struct engine *engine_of(const char *name, const struct settings *settings,
                                      int64_t options[ENGINE_OPTIONS])
{
    const struct engine *engine = engine_find(name);

    if (!engine || engine_options(engine, settings, options) < 0) {
        PyErr_Format(PyExc_ValueError, "no engine '%s', or not with these options", name);
        return NULL;
    }
    return engine;
}

const char tables_engine_doc[] =
    "engine(name, settings) -> dict: what follows from its options, which are among the settings: `caps`; "
    "`news`, `worker` and `threads`, its place among all models and the threads that it keeps, in words; `calls`, name to "
    "(class, where it can sleep); `counters`, pairs of name and warning.";
PyObject *tables_engine(PyObject *module, PyObject *args)
{
    int64_t options[ENGINE_OPTIONS] = {0};
    struct settings settings;
    const char *name;
    PyObject *given;

    (void)module;
    if (!PyArg_ParseTuple(args, "sO!", &name, &PyDict_Type, &given) || settings_from_dict(&settings, given) < 0)
        return NULL;
    const struct engine *engine = engine_of(name, &settings, options);
    if (!engine)
        return NULL;
    const struct engine varied = engine_with(engine, options);
    PyObject *dict = PyDict_New();
    if (!dict || set_item(dict, "caps", caps_dict(&varied.caps)) ||
        set_item(dict, "news", text_or_none(news_names[varied.news])) ||
        set_item(dict, "worker", text_or_none(worker_names[varied.worker])) ||
        set_item(dict, "threads", text_or_none(varied.threads_in_words)) ||
        set_item(dict, "calls", calls_dict(varied.calls)) ||
        set_item(dict, "counters", counters_list(varied.counters)))
        Py_CLEAR(dict);
    return dict;
}

const char tables_ask_doc[] =
    "ask(engine, channel, settings) -> dict: sentences or None: `cannot`, why the engine cannot do that at all; "
    "`probe`, why it cannot work on this machine; `degenerate`, why it does what blocking does.";
PyObject *tables_ask(PyObject *module, PyObject *args)
{
    int64_t options[ENGINE_OPTIONS] = {0};
    struct settings settings;
    const char *engine_name, *channel_name;
    PyObject *given;

    (void)module;
    if (!PyArg_ParseTuple(args, "ssO!", &engine_name, &channel_name, &PyDict_Type, &given) ||
        settings_from_dict(&settings, given) < 0)
        return NULL;
    const struct engine *engine = engine_of(engine_name, &settings, options);
    const struct channel *channel = channel_find(channel_name);
    if (!engine)
        return NULL;
    if (!channel)
        return PyErr_Format(PyExc_ValueError, "no channel '%s'", channel_name);
    const struct trial_question question = {
        .settings = &settings,
        .options = options,
        .on_files = channel->caps.files,
        .on_sockets = channel->caps.sockets,
        .on_devices = channel->caps.starts_device,
    };
    return Py_BuildValue("{s:z,s:z,s:z}", "cannot", engine->cannot ? engine->cannot(&question) : NULL,
                         "probe", engine->probe ? engine->probe(&question) : NULL, "degenerate",
                         engine->degenerate ? engine->degenerate(&question) : NULL);
}

/* ------------------------------------------------------------------ settings */

const char tables_setting_choices_doc[] =
    "setting_choices() -> dict: the settings that are choices; their names in the order of their numbers.";
PyObject *tables_setting_choices(PyObject *module, PyObject *unused)
{
    PyObject *dict = PyDict_New();

    (void)module, (void)unused;
    for (const struct setting_choices *setting = setting_choices; dict && setting->name; setting++)
        if (set_item(dict, setting->name, choices_list(setting->choices)))
            Py_CLEAR(dict);
    return dict;
}

/* ------------------------------------------------------------------ the record and the events */

static PyObject *words_dict(void)
{
    PyObject *dict = PyDict_New();

    for (const struct record_name *name = record_names; dict && name->name; name++)
        if (set_item(dict, name->name, Py_BuildValue("(II)", name->word, name->words)))
            Py_CLEAR(dict);
    return dict;
}

static PyObject *results_list(void)
{
    const char *names[CALL_COUNT];

    for (int id = 0; id < CALL_COUNT; id++)
        names[id] = call_result_names[call_results[id]];
    return names_list(names, CALL_COUNT);
}

const char tables_record_layout_doc[] =
    "record_layout() -> dict: `size` in bytes; `words`, name to (first word, words), words "
    "being uint64; `calls` and `stages`, names in the order of their numbers; `call_results`, what each call's "
    "result is.";
PyObject *tables_record_layout(PyObject *module, PyObject *unused)
{
    PyObject *dict = PyDict_New();

    (void)module, (void)unused;
    if (!dict || set_number(dict, "size", sizeof(struct record)) ||
        set_item(dict, "words", words_dict()) ||
        set_item(dict, "calls", names_list(call_names, CALL_COUNT)) ||
        set_item(dict, "call_results", results_list()) ||
        set_item(dict, "stages", names_list(stage_names, STAGE_COUNT)))
        Py_CLEAR(dict);
    return dict;
}

const char tables_event_layout_doc[] =
    "event_layout() -> dict: what a trace's ring looks like. `ring` and `event`, the names of "
    "their words, which are uint64 (an event's result: int64); `kinds`, in the order of their "
    "numbers.";
PyObject *tables_event_layout(PyObject *module, PyObject *unused)
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

const char tables_histogram_lower_doc[] =
    "histogram_lower() -> list: the lower bound of every histogram bucket, in ns.";
PyObject *tables_histogram_lower(PyObject *module, PyObject *unused)
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

