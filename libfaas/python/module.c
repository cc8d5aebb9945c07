/* The module `faas': what a function in Python asks of the server. See faas.pyi. */
#include "private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct mett_worker *worker;
static PyObject *failure; /* faas.Error */
static PyTypeObject *activation_type;

void module_serve(struct mett_worker *served)
{
	worker = served;
}

static struct mett_worker *need_worker(void)
{
	if (!worker)
		PyErr_SetString(PyExc_RuntimeError,
		                "there is no activation yet: call this from main(), not while "
		                "the module is loaded");
	return worker;
}

static int set_attribute(PyObject *object, const char *name, PyObject *value)
{
	int result = value ? PyObject_SetAttrString(object, name, value) : -1;

	Py_XDECREF(value);
	return result;
}

static void raise_failure(const struct mett_result *result)
{
	const struct mett_error *error = &result->error;
	PyObject *text =
		PyUnicode_DecodeUTF8(error->message, (Py_ssize_t)strlen(error->message), "replace");
	PyObject *exception = text ? PyObject_CallOneArg(failure, text) : NULL;
	const char *reason = mett_reason_name(error->reason);

	if (exception && !set_attribute(exception, "reason", PyUnicode_FromString(reason)) &&
	    !set_attribute(exception, "detail", PyLong_FromLong(error->detail)) &&
	    !set_attribute(
		    exception, "log",
		    PyUnicode_DecodeUTF8(result->log, (Py_ssize_t)result->log_size, "replace")))
		PyErr_SetObject(failure, exception);
	Py_XDECREF(exception);
	Py_XDECREF(text);
}

/* Seconds, as Python has them; there is no negative time, and none without end. */
static int take_timeout(double seconds, struct mett_config *config)
{
	if (!(seconds >= 0 && seconds < 1e12)) {
		PyErr_SetString(PyExc_ValueError, "timeout is not a number of seconds from 0 up");
		return -1;
	}
	config->timeout_us = (uint64_t)(seconds * 1e6);
	if (seconds > 0 && !config->timeout_us)
		config->timeout_us = 1;
	return 0;
}

static PyObject *invoke(PyObject *self, PyObject *args, PyObject *named)
{
	static char *names[] = {"name", "arg", "timeout", "memory", NULL};
	struct mett_config config = {0};
	struct mett_result result;
	unsigned long long memory = 0;
	PyObject *argument = Py_None, *answer = NULL;
	double timeout = 0;
	struct text text;
	const char *name;

	if (!PyArg_ParseTupleAndKeywords(args, named, "s|O$dK:action_invoke", names, &name,
	                                 &argument, &timeout, &memory) ||
	    take_timeout(timeout, &config) || !need_worker() ||
	    value_to_text(argument, "the argument", &text))
		return NULL;
	config.memory_limit = memory;
	if (mett_worker_invoke(worker, name, text.data, (size_t)text.size, &config, &result))
		raise_failure(&result);
	else
		answer = value_from_text(result.answer, result.answer_size);
	mett_result_deinit(&result);
	Py_XDECREF(text.owner);
	return answer;
}

/* One write, so that lines of different origin do not mix. */
static PyObject *write_log(PyObject *self, PyObject *message)
{
	PyObject *line = PyUnicode_FromFormat("%S\n", message);
	PyObject *bytes =
		line ? PyUnicode_AsEncodedString(line, "utf-8", "backslashreplace") : NULL;

	Py_XDECREF(line);
	if (!bytes)
		return NULL;
	ssize_t written =
		write(STDERR_FILENO, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
	Py_DECREF(bytes);
	if (written < 0)
		return PyErr_SetFromErrno(PyExc_OSError);
	Py_RETURN_NONE;
}

static PyObject *activation(PyObject *self, PyObject *unused)
{
	if (!need_worker())
		return NULL;
	const struct mett_activation *served = mett_worker_activation(worker);
	PyObject *ret = PyStructSequence_New(activation_type);
	if (!ret)
		return NULL;
	PyStructSequence_SetItem(ret, 0, PyLong_FromUnsignedLongLong(served->id));
	PyStructSequence_SetItem(ret, 1, PyUnicode_FromString(served->name));
	PyStructSequence_SetItem(ret, 2,
	                         served->deadline_ns
	                                 ? PyFloat_FromDouble((double)served->deadline_ns / 1e9)
	                                 : Py_NewRef(Py_None));
	PyStructSequence_SetItem(ret, 3,
	                         served->memory_limit
	                                 ? PyLong_FromUnsignedLongLong(served->memory_limit)
	                                 : Py_NewRef(Py_None));
	if (PyErr_Occurred())
		Py_CLEAR(ret);
	return ret;
}

static PyMethodDef methods[] = {
	{"action_invoke", (PyCFunction)(void (*)(void))invoke, METH_VARARGS | METH_KEYWORDS,
         "action_invoke(name, arg='', *, timeout=0, memory=0)\n--\n\n"
         "Run an action of the same name space, and wait for its answer."},
	{"invoke", (PyCFunction)(void (*)(void))invoke, METH_VARARGS | METH_KEYWORDS,
         "invoke(name, arg='', *, timeout=0, memory=0)\n--\n\nShort for action_invoke()."},
	{"log", write_log, METH_O, "log(message, /)\n--\n\nWrite a line to the activation's log."},
	{"activation", activation, METH_NOARGS,
         "activation()\n--\n\nWhat is served: its id, name, deadline and memory_limit."},
	{0},
};

static int fill(PyObject *module)
{
	static PyStructSequence_Field fields[] = {
		{"id", "unique within the server's life"},
		{"name", "of the action"},
		{"deadline", "on the clock of time.monotonic(), in seconds; None: there is none"},
		{"memory_limit", "in bytes; None: there is none but the server's"},
		{0},
	};
	static PyStructSequence_Desc description = {"faas.Activation", "What is served.", fields,
	                                            4};

	activation_type = PyStructSequence_NewType(&description);
	failure = PyErr_NewExceptionWithDoc(
		"faas.Error", "An action that was invoked gave no answer.", NULL, NULL);
	if (!activation_type || !failure ||
	    PyModule_AddObjectRef(module, "Activation", (PyObject *)activation_type) ||
	    PyModule_AddObjectRef(module, "Error", failure))
		return -1;
	return 0;
}

static PyObject *create(void)
{
	static struct PyModuleDef definition = {
		PyModuleDef_HEAD_INIT,
		.m_name = "faas",
		.m_doc = "What a function asks of the server that runs it.",
		.m_size = -1,
		.m_methods = methods,
	};
	PyObject *module = PyModule_Create(&definition);

	if (module && fill(module))
		Py_CLEAR(module);
	return module;
}

int module_register(void)
{
	return PyImport_AppendInittab("faas", create);
}
