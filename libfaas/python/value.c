/* How Python's values travel. */
#include "private.h"

static PyObject *encode_json;

int value_init(PyObject *encode)
{
	encode_json = Py_XNewRef(encode);
	return encode ? 0 : -1;
}

static int take_str(PyObject *value, struct text *ret)
{
	ret->data = PyUnicode_AsUTF8AndSize(value, &ret->size);
	if (!ret->data)
		return -1;
	ret->owner = Py_NewRef(value);
	return 0;
}

static int take_json(PyObject *value, struct text *ret)
{
	PyObject *json = PyObject_CallOneArg(encode_json, value);
	int result = json ? take_str(json, ret) : -1;

	Py_XDECREF(json);
	return result;
}

static int take_buffer(PyObject *value, struct text *ret)
{
	PyObject *bytes = PyBytes_FromObject(value);

	if (!bytes)
		return -1;
	*ret = (struct text){bytes, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes)};
	return 0;
}

int value_to_text(PyObject *value, const char *what, struct text *ret)
{
	*ret = (struct text){.data = ""};
	if (value == Py_None)
		return 0;
	if (PyUnicode_Check(value))
		return take_str(value, ret);
	if (PyDict_Check(value) || PyList_Check(value))
		return take_json(value, ret);
	if (PyObject_CheckBuffer(value))
		return take_buffer(value, ret);
	PyErr_Format(PyExc_TypeError,
	             "%s is of type %.100s; it can be str, bytes, dict, list or None", what,
	             Py_TYPE(value)->tp_name);
	return -1;
}

PyObject *value_from_text(const void *data, size_t size)
{
	PyObject *value = PyUnicode_DecodeUTF8(data, (Py_ssize_t)size, NULL);

	if (value || !PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
		return value;
	PyErr_Clear();
	return PyBytes_FromStringAndSize(data, (Py_ssize_t)size);
}
