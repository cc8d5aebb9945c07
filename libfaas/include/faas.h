#pragma once

/*
 * What a function is written with. A whole one:
 *
 *	#include <faas.h>
 *
 *	int faas_main(const void *argument, size_t size)
 *	{
 *		return faas_answer(argument, size);
 *	}
 *
 * Build it as a static program with the flags that pkg-config gives:
 *
 *	cc echo.c -o echo $(pkg-config --static --cflags --libs faas)
 *
 * What it writes to stdout and stderr is its log. Call the functions here from
 * one thread at a time.
 */
#include <mett-eagle/worker.h>

#ifndef __cplusplus
#include <libfmt/fmt.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * faas_main() - the function; written by its author
 * @argument: bytes, read-only, never NULL, without a terminating zero
 * @size:     in bytes
 *
 * Return: 0 for success: the answer is that of the last faas_answer*(), or
 * empty. Else the invocation fails: with "out of memory" for -ENOMEM; for any
 * other negative errno or positive code with "failed", that number, and the text
 * of the last faas_fail*().
 */
int faas_main(const void *argument, size_t size);

/**
 * faas_init() - what need be done only once; written by the author, or left away
 *
 * Runs when the program starts, before there is an activation; under the policy
 * `fork` each activation begins with a copy of what it made. Only faas_fail*()
 * may be called. It must leave no thread running and no descriptor open.
 *
 * Return: 0; else the program does not start, for the reason given to faas_fail*().
 */
int faas_init(void);

/**
 * faas_answer() - answer with these bytes
 * @data: copied, unless it is memory of faas_answer_space(); may be NULL when
 *        @size is 0
 * @size: in bytes; of memory of faas_answer_space() no more than was asked for
 *
 * A later answer replaces an earlier one. The answer leaves when faas_main() returns.
 *
 * Return: 0, -EMSGSIZE when the server takes no answer so large, -ENOMEM.
 */
int faas_answer(const void *data, size_t size);

/** faas_answer_text() - answer with a zero-terminated text, without its zero; as faas_answer() */
int faas_answer_text(const char *text);

/**
 * faas_answer_space() - write the answer in place, which saves a copy
 * @size: in bytes
 * @ret:  that much memory; valid until the next faas_answer*()
 *
 * The answer is all of it, unless faas_answer(*ret, less) then says less.
 *
 * Return: 0, -EMSGSIZE, -ENOMEM.
 */
int faas_answer_space(size_t size, void **ret);

/**
 * faas_fail_text() - say why this function fails
 * @text: copied, up to METT_MESSAGE_MAX - 1 bytes
 *
 * Return: 1, so that `return faas_fail_text("...");` ends faas_main() or faas_init().
 */
int faas_fail_text(const char *text);

/**
 * faas_invoke() - invoke another action of the same namespace and wait for it
 * @name:     action
 * @argument: bytes; may be NULL when @size is 0
 * @size:     in bytes
 * @config:   limits; NULL: the action's defaults
 * @result:   filled in always: answer, times, log, or why there is none; give back
 *            with mett_result_deinit()
 *
 * Return: 0 or a negative errno, as mett_action_invoke() of <mett-eagle/client.h>.
 */
int faas_invoke(const char *name, const void *argument, size_t size,
                const struct mett_config *config, struct mett_result *result);

/** faas_activation() - id, deadline, memory limit and name of what is being served */
const struct mett_activation *faas_activation(void);

#ifdef __cplusplus
}
#else

/** faas_answer_vformat() - as faas_answer_format(), with captured arguments */
int faas_answer_vformat(const char *format, const struct fmt_arg *args, size_t count);

/** faas_fail_vformat() - as faas_fail(), with captured arguments */
int faas_fail_vformat(const char *format, const struct fmt_arg *args, size_t count);

/**
 * faas_answer_format() - answer with a text made by libfmt
 *
 *	return faas_answer_format("{} of {:#x}", name, flags);
 *
 * Return: 0, -EMSGSIZE, -ENOMEM; -EINVAL when the format is wrong.
 */
#define faas_answer_format(format_, ...) faas_answer_vformat((format_), FMT_ARGS(__VA_ARGS__))

/** faas_fail() - as faas_fail_text(), with a text made by libfmt */
#define faas_fail(format_, ...)          faas_fail_vformat((format_), FMT_ARGS(__VA_ARGS__))

#endif
