#pragma once

/*
 * libfmt: the format language of {fmt} for C. An argument is captured with its
 * type when it is written down, so the format string decides how a value looks,
 * never what it is:
 *
 *	fmt_print(stdout, "{:>8} {:#x}\n", name, flags);
 *
 * The format language is described in libfmt(3). Nothing here keeps state
 * between calls; use it from any number of threads. Only a struct fmt_string
 * allocates.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

__extension__ typedef __int128 fmt_int128;
__extension__ typedef unsigned __int128 fmt_uint128;

/* Those up to FMT_TYPE_FLOAT are numbers to the format language. */
enum fmt_type {
	FMT_TYPE_BOOL,
	FMT_TYPE_CHAR,
	FMT_TYPE_INT,
	FMT_TYPE_UINT,
	FMT_TYPE_FLOAT,
	FMT_TYPE_CSTRING,
	FMT_TYPE_BYTES,
	FMT_TYPE_POINTER,
	FMT_TYPE_TM,
	FMT_TYPE_TIMESPEC,
	FMT_TYPE_ARRAY,
	FMT_TYPE_USER,
};

/* Where a formatted text goes while it is made; for formatters of user types. */
struct fmt_writer;

/**
 * fmt_formatter - writes an object of a user's type
 * @writer: takes the text, see fmt_put()
 * @spec:   what stands behind the colon in the format, not NUL-terminated
 * @length: bytes in @spec, 0 if there is none
 * @object: what was captured
 *
 * Must write the same text each time: long texts are made twice.
 *
 * Return: 0, or a negative errno that the whole call then returns; -EINVAL for
 * a @spec this type does not know.
 */
typedef int fmt_formatter(struct fmt_writer *writer, const char *spec, size_t length,
                          const void *object);

/* A captured argument. Made by FMT_ARG(); points to what it was made from. */
struct fmt_arg {
	union {
		fmt_int128 sint;
		fmt_uint128 uint;
		long double real;
		const char *string;
		const void *pointer;
		const struct tm *tm;
		struct timespec time;
		struct {
			const void *data;
			size_t count;
		} span;
		struct {
			const void *object;
			fmt_formatter *format;
		} user;
	} value;
	const char *name;      /* NULL: has none */
	unsigned char type;    /* enum fmt_type */
	unsigned char size;    /* bytes of a number, or of an array's element */
	unsigned char element; /* enum fmt_type of an array's elements */
};

/* What is wrong with a format. */
struct fmt_error {
	size_t position;    /* bytes of the format read until then */
	const char *reason; /* static text */
};

/* A growing text; all zero is an empty one. */
struct fmt_string {
	char *data; /* NUL-terminated; NULL until something was appended */
	size_t length;
	size_t capacity;
};

/**
 * fmt_vformat() - format into a buffer
 * @buf:    where the text goes, NUL-terminated if @size > 0; may be NULL if @size is 0
 * @size:   room in @buf, in bytes; a longer text is cut
 * @format: format string
 * @args:   arguments, may be NULL if @count is 0
 * @count:  number of @args
 *
 * Never allocates. After an error @buf holds an empty string.
 *
 * Return: length of the whole text in bytes without NUL, even if it was cut;
 * -EINVAL if the format is wrong or does not fit the arguments; -EOVERFLOW if
 * the text is longer than INT_MAX; what a user type's formatter returned.
 */
int fmt_vformat(char *buf, size_t size, const char *format, const struct fmt_arg *args,
                size_t count);

/**
 * fmt_vprint() - format to a stdio stream
 *
 * Writes only if the format is right. Does not flush.
 *
 * Return: as fmt_vformat(), or a negative errno of writing.
 */
int fmt_vprint(FILE *file, const char *format, const struct fmt_arg *args, size_t count);

/**
 * fmt_vdprint() - format to a file descriptor
 *
 * Writes only if the format is right; a text of up to 1023 bytes goes out with
 * one write(), unless the kernel takes less. Never allocates. Blocks as write()
 * does.
 *
 * Return: as fmt_vformat(), or a negative errno of writing, -EAGAIN among them.
 */
int fmt_vdprint(int fd, const char *format, const struct fmt_arg *args, size_t count);

/**
 * fmt_vappend() - format behind what a string holds
 *
 * The string is unchanged after an error.
 *
 * Return: bytes appended, or as fmt_vformat(), or -ENOMEM.
 */
int fmt_vappend(struct fmt_string *string, const char *format, const struct fmt_arg *args,
                size_t count);

/** fmt_string_deinit() - free the text; the string is empty again and usable */
void fmt_string_deinit(struct fmt_string *string);

/**
 * fmt_vcheck() - say whether a format is right for arguments, and why not
 * @ret: filled if the return is negative
 *
 * Return: as fmt_vformat().
 */
int fmt_vcheck(struct fmt_error *ret, const char *format, const struct fmt_arg *args, size_t count);

/** fmt_put_bytes() - write bytes as they are; for formatters of user types */
void fmt_put_bytes(struct fmt_writer *writer, const char *bytes, size_t length);

/**
 * fmt_vput() - format; for formatters of user types
 *
 * Return: 0 or a negative errno, as fmt_vformat().
 */
int fmt_vput(struct fmt_writer *writer, const char *format, const struct fmt_arg *args,
             size_t count);

/**
 * fmt_put_field() - write one value by a format spec; for formatters of user types
 * @spec:   what would stand behind the colon; "{}" in it takes the next argument
 *          of the format the user type stands in
 * @length: bytes in @spec
 *
 * Return: 0 or a negative errno, as fmt_vformat().
 */
int fmt_put_field(struct fmt_writer *writer, const char *spec, size_t length, struct fmt_arg arg);

#pragma GCC visibility pop

/* Capture by hand; FMT_ARG() chooses among these by type. */

static inline struct fmt_arg fmt_arg_bool(bool value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_BOOL, sizeof(bool), 0};

	arg.value.uint = value;
	return arg;
}

static inline struct fmt_arg fmt_arg_char(char value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_CHAR, sizeof(char), 0};

	arg.value.sint = value;
	return arg;
}

static inline struct fmt_arg fmt_arg_int(fmt_int128 value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_INT, sizeof(value), 0};

	arg.value.sint = value;
	return arg;
}

static inline struct fmt_arg fmt_arg_uint(fmt_uint128 value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_UINT, sizeof(value), 0};

	arg.value.uint = value;
	return arg;
}

static inline struct fmt_arg fmt_arg_float(float value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_FLOAT, sizeof(value), 0};

	arg.value.real = value;
	return arg;
}

static inline struct fmt_arg fmt_arg_double(double value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_FLOAT, sizeof(value), 0};

	arg.value.real = value;
	return arg;
}

static inline struct fmt_arg fmt_arg_ldouble(long double value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_FLOAT, sizeof(value), 0};

	arg.value.real = value;
	return arg;
}

/** fmt_arg_string() - NUL-terminated text; NULL is written as "(null)" */
static inline struct fmt_arg fmt_arg_string(const char *value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_CSTRING, 0, 0};

	arg.value.string = value;
	return arg;
}

static inline struct fmt_arg fmt_arg_pointer(const void *value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_POINTER, 0, 0};

	arg.value.pointer = value;
	return arg;
}

static inline struct fmt_arg fmt_arg_tm(const struct tm *value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_TM, 0, 0};

	arg.value.tm = value;
	return arg;
}

/** fmt_arg_timespec() - a point in time: since 1970-01-01, UTC */
static inline struct fmt_arg fmt_arg_timespec(struct timespec value)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_TIMESPEC, 0, 0};

	arg.value.time = value;
	return arg;
}

static inline struct fmt_arg fmt_arg_array(const void *data, size_t count, unsigned char element,
                                           unsigned char size)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_ARRAY, size, element};

	arg.value.span.data = data;
	arg.value.span.count = count;
	return arg;
}

static inline struct fmt_arg fmt_arg_self(struct fmt_arg arg)
{
	return arg;
}

static inline struct fmt_arg fmt_arg_named(const char *name, struct fmt_arg arg)
{
	arg.name = name;
	return arg;
}

/** fmt_bytes() - text of a given length; may hold NUL */
static inline struct fmt_arg fmt_bytes(const char *data, size_t length)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_BYTES, 0, 0};

	arg.value.span.data = data;
	arg.value.span.count = length;
	return arg;
}

/** fmt_user() - an object and the function that writes it */
static inline struct fmt_arg fmt_user(const void *object, fmt_formatter *format)
{
	struct fmt_arg arg = {{0}, NULL, FMT_TYPE_USER, 0, 0};

	arg.value.user.object = object;
	arg.value.user.format = format;
	return arg;
}

#ifdef __cplusplus
}
#else

/*
 * A user's types: associations of _Generic, each after a comma, from a type to
 * a function that returns struct fmt_arg. It counts where an argument is
 * captured, so it may be defined anew behind the #include:
 *
 *	#undef FMT_USER_TYPES
 *	#define FMT_USER_TYPES , const struct point *: point_arg, struct point *: point_arg
 */
#ifndef FMT_USER_TYPES
#define FMT_USER_TYPES
#endif

/* clang-format off */
#define FMT_ARG(x_)                                                                                \
	(_Generic((x_),                                                                            \
		bool: fmt_arg_bool,                                                                \
		char: fmt_arg_char,                                                                \
		signed char: fmt_arg_int, short: fmt_arg_int, int: fmt_arg_int,                    \
		long: fmt_arg_int, long long: fmt_arg_int, fmt_int128: fmt_arg_int,                \
		unsigned char: fmt_arg_uint, unsigned short: fmt_arg_uint,                         \
		unsigned: fmt_arg_uint, unsigned long: fmt_arg_uint,                               \
		unsigned long long: fmt_arg_uint, fmt_uint128: fmt_arg_uint,                       \
		float: fmt_arg_float, double: fmt_arg_double, long double: fmt_arg_ldouble,        \
		char *: fmt_arg_string, const char *: fmt_arg_string,                              \
		void *: fmt_arg_pointer, const void *: fmt_arg_pointer,                            \
		struct tm *: fmt_arg_tm, const struct tm *: fmt_arg_tm,                            \
		struct timespec: fmt_arg_timespec,                                                 \
		struct fmt_arg: fmt_arg_self                                                       \
		FMT_USER_TYPES)(x_))

#define FMT_ELEMENT(x_)                                                                            \
	_Generic((x_),                                                                             \
		bool: FMT_TYPE_BOOL,                                                               \
		char: FMT_TYPE_CHAR,                                                               \
		signed char: FMT_TYPE_INT, short: FMT_TYPE_INT, int: FMT_TYPE_INT,                 \
		long: FMT_TYPE_INT, long long: FMT_TYPE_INT, fmt_int128: FMT_TYPE_INT,             \
		unsigned char: FMT_TYPE_UINT, unsigned short: FMT_TYPE_UINT,                       \
		unsigned: FMT_TYPE_UINT, unsigned long: FMT_TYPE_UINT,                             \
		unsigned long long: FMT_TYPE_UINT, fmt_uint128: FMT_TYPE_UINT,                     \
		float: FMT_TYPE_FLOAT, double: FMT_TYPE_FLOAT, long double: FMT_TYPE_FLOAT,        \
		char *: FMT_TYPE_CSTRING, const char *: FMT_TYPE_CSTRING,                          \
		void *: FMT_TYPE_POINTER, const void *: FMT_TYPE_POINTER)
/* clang-format on */

/* Each level doubles how often the preprocessor looks again: for 32 arguments. */
#define FMT_AGAIN1(...) __VA_ARGS__
#define FMT_AGAIN2(...) FMT_AGAIN1(FMT_AGAIN1(__VA_ARGS__))
#define FMT_AGAIN3(...) FMT_AGAIN2(FMT_AGAIN2(__VA_ARGS__))
#define FMT_AGAIN4(...) FMT_AGAIN3(FMT_AGAIN3(__VA_ARGS__))
#define FMT_AGAIN5(...) FMT_AGAIN4(FMT_AGAIN4(__VA_ARGS__))
#define FMT_AGAIN6(...) FMT_AGAIN5(FMT_AGAIN5(__VA_ARGS__))
#define FMT_PARENS      ()

#define FMT_EACH(x_, ...)  FMT_ARG(x_), __VA_OPT__(FMT_EACH_LATER FMT_PARENS(__VA_ARGS__))
#define FMT_EACH_LATER()   FMT_EACH
#define FMT_TALLY(x_, ...) +1 __VA_OPT__(FMT_TALLY_LATER FMT_PARENS(__VA_ARGS__))
#define FMT_TALLY_LATER()  FMT_TALLY

/** FMT_ARGS() - capture up to 32 arguments; becomes "array, count" for the fmt_v functions */
#define FMT_ARGS(...)                                                                              \
	((const struct fmt_arg[]){__VA_OPT__(FMT_AGAIN6(FMT_EACH(__VA_ARGS__)))}),                 \
		(0 __VA_OPT__(FMT_AGAIN6(FMT_TALLY(__VA_ARGS__))))

/** fmt_named() - give an argument a name, for "{name}" */
#define fmt_named(name_, x_) fmt_arg_named((name_), FMT_ARG(x_))

/** fmt_array_n() - capture @count_ elements of any scalar type from a pointer on */
#define fmt_array_n(data_, count_)                                                                 \
	fmt_arg_array((data_), (count_), FMT_ELEMENT(*(data_)), sizeof(*(data_)))

/** fmt_array() - capture a whole array; a pointer does not compile */
#define fmt_array(array_)                                                                          \
	fmt_array_n((array_),                                                                      \
	            sizeof(array_) / sizeof((array_)[0]) +                                         \
	                    0 * sizeof(char[__builtin_types_compatible_p(__typeof__(array_),       \
	                                                                 __typeof__(&(array_)[0])) \
	                                            ? -1                                           \
	                                            : 1]))

#define fmt_format(buf_, size_, format_, ...)                                                      \
	fmt_vformat((buf_), (size_), (format_), FMT_ARGS(__VA_ARGS__))
#define fmt_print(file_, format_, ...)    fmt_vprint((file_), (format_), FMT_ARGS(__VA_ARGS__))
#define fmt_dprint(fd_, format_, ...)     fmt_vdprint((fd_), (format_), FMT_ARGS(__VA_ARGS__))
#define fmt_append(string_, format_, ...) fmt_vappend((string_), (format_), FMT_ARGS(__VA_ARGS__))
#define fmt_check(error_, format_, ...)   fmt_vcheck((error_), (format_), FMT_ARGS(__VA_ARGS__))
#define fmt_put(writer_, format_, ...)    fmt_vput((writer_), (format_), FMT_ARGS(__VA_ARGS__))

#endif
