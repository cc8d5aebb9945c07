#pragma once

/* What the parts of python-faas3 share. Each function leaves a Python exception when it fails. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <mett-eagle/worker.h>

/**
 * struct text - bytes to send, and the object that keeps them
 *
 * Zero-filled: none. Give back with Py_XDECREF() of the owner.
 */
struct text {
	PyObject *owner;
	const char *data;
	Py_ssize_t size;
};

/**
 * value_to_text() - an argument or an answer as it travels
 * @value: str: as UTF-8; bytes and its like; None: nothing; dict, list: as JSON
 * @what:  for the message when it is of another type
 *
 * Return: 0 or -1.
 */
int value_to_text(PyObject *value, const char *what, struct text *ret);

/** value_from_text() - str where the bytes are UTF-8, else bytes; NULL on failure */
PyObject *value_from_text(const void *data, size_t size);

/** value_init() - @encode: what makes JSON of an object; 0 or -1 */
int value_init(PyObject *encode);

/** module_register() - let `import faas` find the module; before the interpreter starts */
int module_register(void);

/** module_serve() - the module speaks for this activation from now on; NULL: for none */
void module_serve(struct mett_worker *worker);

/** memory_init() - before anything else: where memory will lie */
void memory_init(void);

/** memory_settle() - all that forks shall find is there: make it cheap to fork */
void memory_settle(void);
