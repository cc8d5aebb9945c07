/*
 * python-faas3: the life of a function's process. The interpreter and the function's
 * module come up once; what serves is a fork of that.
 */
#include "private.h"

#include <mett-eagle/worker.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "boot.h"

/* What boot.py made, and what is called on the path of an invocation. */
static struct {
	PyObject *main;
	PyObject *explain;
	PyObject *report;
	PyObject *rehearse;
	bool wants_bytes;
} function;

enum {
	STREAMS = 2,
	SCATTER = 64, /* objects less than which are taken */
};

static const char *const stream_names[STREAMS] = {"stdout", "stderr"};
static PyObject *streams[STREAMS]; /* as the interpreter made them */

static pid_t origin; /* whose forks we may be */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

__attribute__((noreturn)) static void fail_start(PyObject *text)
{
	const char *why = text && PyUnicode_Check(text) ? PyUnicode_AsUTF8(text) : NULL;

	if (PyErr_Occurred())
		PyErr_Print();
	mett_worker_fail_start(why ? why : "the Python interpreter failed; its log says more");
}

static void check(PyStatus status)
{
	if (PyStatus_Exception(status))
		mett_worker_fail_start(status.err_msg ? status.err_msg
		                                      : "the Python interpreter does not start");
}

static void set_path(PyConfig *config, wchar_t **field, const wchar_t *path)
{
	check(PyConfig_SetString(config, field, path));
}

/* It reads no environment, no site's or user's folders, and writes nothing. */
static void start_interpreter(void)
{
	PyPreConfig before;
	PyConfig config;

	PyPreConfig_InitIsolatedConfig(&before);
	before.utf8_mode = 1;
	check(Py_PreInitialize(&before));
	if (module_register())
		mett_worker_fail_start("no memory for the module faas");
	PyConfig_InitIsolatedConfig(&config);
	config.site_import = 0;
	config.write_bytecode = 0;
	config.faulthandler = 1;
	config.buffered_stdio = 0;
	set_path(&config, &config.program_name, L"python-faas3");
	set_path(&config, &config.executable, L"");
	set_path(&config, &config.prefix, L"" PYTHON_PREFIX);
	set_path(&config, &config.exec_prefix, L"" PYTHON_PREFIX);
	set_path(&config, &config.base_prefix, L"" PYTHON_PREFIX);
	set_path(&config, &config.base_exec_prefix, L"" PYTHON_PREFIX);
	set_path(&config, &config.stdlib_dir, L"" PYTHON_STDLIB);
	config.module_search_paths_set = 1;
	check(PyWideStringList_Append(&config.module_search_paths, L"" PYTHON_STDLIB));
	check(PyWideStringList_Append(&config.module_search_paths,
	                              L"" PYTHON_STDLIB "/lib-dynload"));
	check(Py_InitializeFromConfig(&config));
	PyConfig_Clear(&config);
	for (int i = 0; i < STREAMS; i++)
		streams[i] = Py_XNewRef(PySys_GetObject(stream_names[i]));
}

static PyObject *run_boot(void)
{
	PyObject *code = Py_CompileString(boot_source, "<python-faas3>", Py_file_input);
	PyObject *module = PyModule_New("boot"), *names = NULL, *done = NULL;

	if (code && module) {
		names = Py_XNewRef(PyModule_GetDict(module));
		PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins());
		done = PyEval_EvalCode(code, names, names);
	}
	Py_XDECREF(code);
	Py_XDECREF(module);
	if (!done)
		fail_start(NULL);
	Py_DECREF(done);
	return names;
}

static void load_function(PyObject *boot)
{
	size_t size;
	const void *data = mett_worker_function(&size);
	PyObject *source = PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
	PyObject *begin = PyDict_GetItemString(boot, "begin");
	PyObject *result = source ? PyObject_CallOneArg(begin, source) : NULL;
	int wants_bytes;

	Py_XDECREF(source);
	if (!result || !PyArg_ParseTuple(result, "Op", &function.main, &wants_bytes))
		fail_start(NULL);
	if (PyUnicode_Check(function.main))
		fail_start(function.main);
	function.wants_bytes = wants_bytes;
}

/* What a script has put in place of our own stream; borrowed, NULL: nothing. */
static PyObject *replaced(int stream)
{
	PyObject *file = PySys_GetObject(stream_names[stream]);

	return file == Py_None || file == streams[stream] ? NULL : file;
}

/*
 * Our own streams keep nothing back: to flush them would be, in each fork, two dozen
 * pages to copy for what is mostly nothing.
 */
static void flush(void)
{
	for (int i = 0; i < STREAMS; i++) {
		PyObject *file = replaced(i);

		if (!file)
			continue;
		PyObject *done = PyObject_CallMethod(file, "flush", NULL);
		if (!done)
			PyErr_Clear();
		Py_XDECREF(done);
	}
}

/* A call that comes to nothing, by the way that others take. */
static void rehearse(void)
{
	PyObject *argument = value_from_text("", 0);
	PyObject *answer = argument ? PyObject_CallOneArg(function.rehearse, argument) : NULL;
	struct text text = {0};

	if (!answer || value_to_text(answer, "", &text))
		PyErr_Print();
	for (int i = 0; i < STREAMS; i++)
		replaced(i);
	Py_XDECREF(text.owner);
	Py_XDECREF(answer);
	Py_XDECREF(argument);
}

/*
 * What must not be as in another fork; `random' sees to itself. Objects are hashed by where they
 * lie, so some are taken, and kept, before the function's own.
 */
static void scatter(void)
{
	unsigned char count;

	if (getrandom(&count, sizeof(count), 0) != sizeof(count))
		mett_worker_fail_start("the kernel gives no random numbers");
	for (count %= SCATTER; count; count--)
		if (!PyObject_CallNoArgs((PyObject *)&PyBaseObject_Type))
			PyErr_Clear();
}

/*
 * Until its turn comes a worker has time. What it writes to now, being counters of
 * references and the interpreter's own state, it need not copy when somebody waits.
 */
static void prepare(void)
{
	if (getpid() == origin)
		PyOS_AfterFork_Parent(); /* it was spawned: nobody was forked */
	else
		PyOS_AfterFork_Child();
	scatter();
	rehearse();
}

/*
 * What lies in memory now stays as it is, and no collector shall write to it in a
 * fork. What is left in a stream's buffer now would come out of every worker.
 */
static void settle(PyObject *boot)
{
	function.explain = PyDict_GetItemString(boot, "explain");
	function.report = PyDict_GetItemString(boot, "report");
	function.rehearse = PyDict_GetItemString(boot, "rehearse");
	if (value_init(PyDict_GetItemString(boot, "encode")))
		fail_start(NULL);
	flush();
	PyObject *gc = PyImport_ImportModule("gc");
	PyObject *collected = gc ? PyObject_CallMethod(gc, "collect", NULL) : NULL;
	PyObject *frozen = collected ? PyObject_CallMethod(gc, "freeze", NULL) : NULL;

	if (!frozen)
		fail_start(NULL);
	Py_DECREF(frozen);
	Py_DECREF(collected);
	Py_DECREF(gc);
}

/* As a program that ends by itself. */
__attribute__((noreturn)) static void leave(struct mett_worker *worker, PyObject *code)
{
	PyObject *value = PyObject_GetAttrString(code, "code");
	int status = 0;

	if (value && PyLong_Check(value))
		status = (int)PyLong_AsLong(value) & 0xff;
	else if (value && value != Py_None) {
		PyObject_Print(value, stderr, Py_PRINT_RAW);
		fputc('\n', stderr);
		status = 1;
	}
	flush();
	fflush(NULL);
	mett_worker_signal(worker, 0, status);
	_exit(status);
}

__attribute__((noreturn)) static void run_out_of_memory(struct mett_worker *worker)
{
	static const char line[] = "MemoryError\n";

	PyErr_Clear();
	flush();
	(void)!write(STDERR_FILENO, line, sizeof(line) - 1);
	mett_worker_note_memory(worker);
	_exit(ENOMEM);
}

/* Says what was raised: to the log, and in short to the caller. */
static void hand_over_error(struct mett_worker *worker, const struct mett_metadata *times)
{
	PyObject *type, *error, *trace;
	struct text text = {0};

	if (PyErr_ExceptionMatches(PyExc_MemoryError))
		run_out_of_memory(worker);
	PyErr_Fetch(&type, &error, &trace);
	PyErr_NormalizeException(&type, &error, &trace);
	if (trace)
		PyException_SetTraceback(error, trace);
	if (PyErr_GivenExceptionMatches(type, PyExc_SystemExit))
		leave(worker, error);
	PyObject *reported = PyObject_CallOneArg(function.report, error);
	if (!reported) {
		PyErr_Clear();
		PyErr_Display(type, error, trace);
	}
	PyObject *why = PyObject_CallOneArg(function.explain, error);
	if (!why || value_to_text(why, "", &text)) {
		PyErr_Clear();
		text = (struct text){.data = Py_TYPE(error)->tp_name};
		text.size = (Py_ssize_t)strlen(text.data);
	}
	flush();
	mett_worker_exit(worker, 1, text.data, (size_t)text.size, times);
	Py_XDECREF(text.owner);
	Py_XDECREF(why);
	Py_XDECREF(reported);
	Py_XDECREF(type);
	Py_XDECREF(error);
	Py_XDECREF(trace);
}

static void hand_over(struct mett_worker *worker, PyObject *answer,
                      const struct mett_metadata *times)
{
	struct text text;

	if (value_to_text(answer, "the answer of main()", &text)) {
		hand_over_error(worker, times);
		return;
	}
	flush();
	if (mett_worker_exit(worker, 0, text.data, (size_t)text.size, times)) {
		PyErr_Format(PyExc_ValueError,
		             "the answer of main() has %zd bytes, which is more than "
		             "the server takes",
		             text.size);
		hand_over_error(worker, times);
	}
	Py_XDECREF(text.owner);
}

static void serve(void)
{
	struct mett_metadata times = {0};
	struct mett_worker *worker;
	size_t size;

	mett_worker_park(&worker);
	module_serve(worker);
	const void *data = mett_worker_argument(worker, &size);
	PyObject *argument = function.wants_bytes
	                             ? PyBytes_FromStringAndSize(data, (Py_ssize_t)size)
	                             : value_from_text(data, size);
	times.start_function = now_ns();
	PyObject *answer = argument ? PyObject_CallOneArg(function.main, argument) : NULL;
	times.end_function = now_ns();
	Py_XDECREF(argument);
	if (answer)
		hand_over(worker, answer, &times);
	else
		hand_over_error(worker, &times);
	Py_XDECREF(answer);
	module_serve(NULL);
}

int main(void)
{
	memory_init();
	start_interpreter();
	PyObject *boot = run_boot();
	load_function(boot);
	settle(boot);
	origin = getpid();
	PyOS_BeforeFork();
	memory_settle();
	mett_worker_prepare(prepare);
	for (;;)
		serve();
}
