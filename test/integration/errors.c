/*
 * Every way in which a call can fail arrives as itself: reason, detail, text and
 * log. And whatever a worker does costs its own invocation only.
 */
#include "fixture.h"

#include <protocol/note.h>
#include <protocol/protocol.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIMIT = 32 * MIB, PATIENT_US = 60000000 };

/* Enough for all that end by themselves on any machine. */
static const struct mett_config patient = {.memory_limit = LIMIT, .timeout_us = PATIENT_US};
static const struct mett_config hasty = {.memory_limit = LIMIT, .timeout_us = 200000};

struct bad {
	const char *action, *argument;
	const struct mett_config *config;
	struct failure failure;
};

/* Each of these twice, with a good invocation between, and then nothing must be left of it. */
static void check_bad(const struct bad *bad, unsigned count)
{
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	deploy(client, "echo", NULL);
	EXPECT_ANSWER(client, "echo", "warm", "warm");
	struct usage warm = server_steady(&server);
	for (unsigned i = 0; i < count; i++) {
		deploy(client, bad[i].action, NULL);
		for (int twice = 0; twice < 2; twice++) {
			expect_failure(__FILE__, __LINE__, client, bad[i].action, bad[i].argument,
			               bad[i].config, &bad[i].failure);
			EXPECT_ANSWER(client, "echo", bad[i].argument, bad[i].argument);
		}
		CHECK_EQ(mett_action_delete(client, bad[i].action, NULL), 0);
		server_expect_usage(&server, warm);
	}
	end_counted(&server, client);
}

#define CHECK_BAD(...)                                                                             \
	check_bad((const struct bad[]){__VA_ARGS__},                                               \
	          sizeof((const struct bad[]){__VA_ARGS__}) / sizeof(struct bad))

TEST(crash)
{
	CHECK_BAD(
		{"crash",
	         "",
	         &patient,
	         {METT_CRASHED, SIGSEGV, "action 'crash' crashed: signal 11",
	          "segmentation fault at address 0x0"}},
		{"overflow", "", &patient, {METT_CRASHED, SIGSEGV, "'overflow'", "stack overflow"}},
		{"end", "abort", &patient, {METT_CRASHED, SIGABRT, "signal 6", ""}},
		{"end", "assert", &patient, {METT_CRASHED, SIGABRT, "signal 6", "Assertion"}},
		{"cxx",
	         "throw",
	         &patient,
	         {METT_CRASHED, SIGABRT, "signal 6", "thrown on purpose"}});
}

TEST(exit_without_answer)
{
	CHECK_BAD({"exit", "0", &patient, {METT_EXITED, 0, "exited with code 0", ""}},
	          {"exit", "42", &patient, {METT_EXITED, 42, "exited with code 42", ""}},
	          {"end", "exit", &patient, {METT_EXITED, 3, "code 3", "to be flushed"}},
	          {"end", "quick", &patient, {METT_EXITED, 4, "code 4", ""}});
}

TEST(reported_failure)
{
	CHECK_BAD({"end",
	           "message",
	           &patient,
	           {METT_FAILED, 42, "failed with code 42: 6 times seven", "to be flushed"}},
	          {"end", "negative", &patient, {METT_FAILED, ENOENT, strerror(ENOENT), ""}},
	          {"sleep", "x", &patient, {METT_FAILED, 1, "argument 'x' is not a number", ""}});
}

TEST(timeout)
{
	CHECK_BAD({"spin", "", &hasty, {METT_TIMED_OUT, 200, "within 200 ms", ""}},
	          {"sleep", "60000", &hasty, {METT_TIMED_OUT, 200, "'sleep' did not end", ""}},
	          {"scribble", "wait", &hasty, {METT_TIMED_OUT, 200, "'scribble'", ""}});
}

TEST(out_of_memory)
{
	CHECK_BAD(
		{"allocate", "", &patient, {METT_OUT_OF_MEMORY, LIMIT / 1024, "limit 32 MiB", ""}},
		{"end", "memory", &patient, {METT_OUT_OF_MEMORY, LIMIT / 1024, "'end'", ""}},
		{"cxx",
	         "memory",
	         &patient,
	         {METT_OUT_OF_MEMORY, LIMIT / 1024, "'cxx'", "bad_alloc"}});
}

TEST(forbidden_call)
{
	CHECK_BAD({"forbidden", "", &patient, {METT_FORBIDDEN, 0, "system call", ""}});
}

/* A gate is its seat's: that a worker has closed it shows only in what it cannot say. */
TEST(closed_descriptors)
{
	CHECK_BAD({"closefds", "", &patient, {METT_EXITED, 1, "exited with code 1", ""}},
	          {"closefds", "loop", &hasty, {METT_TIMED_OUT, 200, "", ""}},
	          {"liar", "empty", &patient, {METT_PROTOCOL, 0, "closed its gate", ""}});
}

TEST(rubbish_on_the_gate)
{
	CHECK_BAD({"rubbish", "", &patient, {METT_PROTOCOL, 0, "broke the worker protocol", ""}},
	          {"liar", "many-calls", &patient, {METT_PROTOCOL, 0, "'liar' was ended", ""}},
	          {"liar", "ready", &patient, {METT_PROTOCOL, 0, "message that is none", ""}},
	          {"liar", "negative", &patient, {METT_PROTOCOL, 0, "negative error code", ""}});
}

TEST(lies_about_the_answer)
{
	CHECK_BAD({"liar", "nothing", &patient, {METT_PROTOCOL, 0, "without a dataspace", ""}},
	          {"liar", "pipe", &patient, {METT_PROTOCOL, 0, "without a dataspace", ""}},
	          {"liar", "too-small", &patient, {METT_PROTOCOL, 0, "without a dataspace", ""}},
	          {"liar", "still-mapped", &patient, {METT_PROTOCOL, 0, "can be sealed", ""}},
	          {"liar",
	           "huge",
	           &patient,
	           {METT_TOO_LARGE, METT_PAYLOAD_MAX, "1099511627776 bytes", ""}});
}

/* They are refused what they ask for, and then spin. */
TEST(lies_about_other_things)
{
	CHECK_BAD({"liar", "bad-slot", &hasty, {METT_TIMED_OUT, 200, "", ""}},
	          {"liar", "huge-loan", &hasty, {METT_TIMED_OUT, 200, "", ""}},
	          {"liar", "many-loans", &hasty, {METT_TIMED_OUT, 200, "", ""}});
}

TEST(answer_too_large)
{
	CHECK_BAD({"answer",
	           "16777217",
	           &(struct mett_config){.timeout_us = PATIENT_US},
	           {METT_FAILED, EMSGSIZE, strerror(EMSGSIZE), ""}});
}

TEST(init_fails)
{
	CHECK_BAD({"noinit",
	           "",
	           &patient,
	           {METT_NO_START, 0, "'noinit' did not start: no model of 3 dimensions", ""}});
}

/* A forked worker makes neither processes nor threads; what it scribbles is its own loss. */
TEST(nuisance_is_harmless)
{
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	deploy(client, "forkbomb", NULL);
	EXPECT_ANSWER(client, "forkbomb", "", "0");
	EXPECT_ANSWER(client, "forkbomb", "fork", "0");
	EXPECT_ANSWER(client, "forkbomb", "thread", "0");
	deploy(client, "scribble", NULL);
	EXPECT_ANSWER(client, "scribble", "", "");
	EXPECT_ANSWER(client, "scribble", "", "");
	deploy(client, "liar", NULL);
	EXPECT_ANSWER(client, "liar", "twice", "");
	EXPECT_ANSWER(client, "liar", "go-on", "");
	end_counted(&server, client);
}

/* Times that are no times: the server believes only what it saw itself. */
TEST(lies_about_times)
{
	struct mett_result result;
	struct server server;
	struct mett_client *client = begin(&server, "");

	deploy(client, "liar", NULL);
	CHECK_EQ(mett_action_invoke(client, "liar", "times", 5, NULL, &result), 0);
	const struct mett_metadata *times = &result.metadata;
	CHECK(times->start_worker > 0 && times->start_worker <= times->start_runtime);
	CHECK(times->start_runtime <= times->start_function);
	CHECK(times->start_function <= times->end_function);
	CHECK(times->end_function <= times->end_runtime);
	CHECK(times->end_runtime <= times->end_worker);
	CHECK(times->end_worker <= now_ms() * 1000000 + 1000000);
	mett_result_deinit(&result);
	end(&server, client);
}

TEST(log_is_the_tail)
{
	struct mett_result result;
	struct server server;
	struct mett_client *client = begin(&server, "");

	deploy(client, "log", NULL);
	CHECK_EQ(mett_action_invoke(client, "log", "a\nb", 3, NULL, &result), 0);
	CHECK_STR(result.log, "err: a\nerr: b\nout: a\nout: b\n");
	mett_result_deinit(&result);
	deploy(client, "bigtext", NULL);
	CHECK_EQ(mett_action_invoke(client, "bigtext", NULL, 0, NULL, &result), 0);
	CHECK_EQ(result.log_size, METT_LOG_TAIL_MAX);
	CHECK_STR(result.log + METT_LOG_TAIL_MAX - 8, "0262143\n");
	mett_result_deinit(&result);
	end(&server, client);
}

TEST(depth)
{
	char text[64], calls[8 * METT_DEPTH_MAX] = "";
	struct mett_result result;
	struct server server;
	struct mett_client *client = begin(&server, "");

	deploy(client, "nest", NULL);
	CHECK_EQ(mett_action_invoke(client, "nest", NULL, 0, NULL, &result), 0);
	snprintf(text, sizeof(text), "%d %d action 'nest': invocations are nested deeper than %d",
	         METT_DEPTH_MAX, METT_DEPTH, METT_DEPTH_MAX);
	CHECK(!strncmp(result.answer, text, strlen(text)));
	mett_result_deinit(&result);

	deploy(client, "call", NULL);
	deploy(client, "echo", NULL);
	for (int i = 2; i < METT_DEPTH_MAX; i++)
		strcat(calls, "call ");
	strcat(calls, "echo deep");
	EXPECT_ANSWER(client, "call", calls, "deep");
	memmove(calls + 5, calls, strlen(calls) + 1);
	EXPECT_FAILURE(client, "call", calls, NULL, METT_FAILED, 1, "action 'call' failed");
	end(&server, client);
}

/* What goes wrong in a function's function reaches the first one, and is told from there. */
TEST(nested_failure)
{
	struct server server;
	struct mett_client *client = begin(&server, "");

	struct usage empty = server_steady(&server);
	deploy(client, "call", NULL);
	deploy(client, "crash", NULL);
	deploy(client, "sleep", NULL);
	EXPECT_FAILURE(client, "call", "crash ", NULL, METT_FAILED, 1, "crashed: signal 11");
	EXPECT_FAILURE(client, "call", "none ", NULL, METT_FAILED, 1, "no action 'none'");
	/* The caller's time is up: what it waits for ends with it. */
	EXPECT_FAILURE(client, "call", "sleep 60000", &hasty, METT_TIMED_OUT, 200, "'call'");
	CHECK_EQ(mett_action_delete(client, "call", NULL), 0);
	CHECK_EQ(mett_action_delete(client, "crash", NULL), 0);
	CHECK_EQ(mett_action_delete(client, "sleep", NULL), 0);
	server_expect_usage(&server, empty);
	end(&server, client);
}

TEST(no_action_and_exists)
{
	const char *echo = function_path("echo");
	struct mett_error error;
	struct server server;
	struct mett_client *client = begin(&server, "");

	EXPECT_FAILURE(client, "echo", "", NULL, METT_NO_ACTION, 0, "'echo'", "");
	EXPECT_ERROR(error, METT_NO_ACTION, "", mett_action_delete(client, "echo", &error));
	EXPECT_ERROR(error, METT_NO_ACTION, "'echo'",
	             mett_action_update_path(client, "echo", echo, NULL, &error));
	deploy(client, "echo", NULL);
	EXPECT_ERROR(error, METT_EXISTS, "'echo'",
	             mett_action_create_path(client, "echo", echo, NULL, &error));
	EXPECT_ANSWER(client, "echo", "still", "still");
	end(&server, client);
}

#define CREATE(path_)  mett_action_create_path(client, "x", path_, NULL, &error)
#define CREATE_FD(fd_) mett_action_create_fd(client, "x", fd_, NULL, &error)

TEST(bad_dataspace)
{
	struct mett_error error;
	struct server server;
	const char *path;
	int ends[2];
	struct mett_client *client = begin(&server, "");

	path = make_file(&server, "file", "", 0);
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "is empty", CREATE(path));
	int writer = open(path, O_WRONLY | O_CLOEXEC), place = open(path, O_PATH | O_CLOEXEC);
	CHECK_EQ(write(writer, "x", 1), 1);
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "not open for reading", CREATE_FD(writer));
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "not open for reading", CREATE_FD(place));
	close(writer);
	close(place);
	unlink(path);
	EXPECT_ERROR(error, METT_BAD_DATASPACE, strerror(ENOENT), CREATE(path));
	CHECK_EQ(mkfifo(path, 0600), 0);
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "FIFO", CREATE(path));
	unlink(path);
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "directory", CREATE(server.folder));
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "socket", CREATE(server.socket));
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "device", CREATE("/dev/null"));
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "not open", CREATE_FD(-1));
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "not open", CREATE_FD(1 << 20));
	CHECK_EQ(pipe(ends), 0);
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "FIFO", CREATE_FD(ends[0]));
	close(ends[0]);
	close(ends[1]);
	EXPECT_ERROR(error, METT_BAD_DATASPACE, "directory",
	             mett_action_update_path(client, "x", "/", NULL, &error));
	EXPECT_FAILURE(client, "x", "", NULL, METT_NO_ACTION);
	end(&server, client);
}

/* The first @size bytes of a good function. */
static const char *cut_function(const struct server *server, size_t size)
{
	static char bytes[64 << 10];
	int fd = open(function_path("echo"), O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && size <= sizeof(bytes));
	CHECK_EQ(read(fd, bytes, size), size);
	close(fd);
	return make_file(server, "file", bytes, size);
}

TEST(bad_program)
{
	static const char script[] = "#!/bin/sh\necho hello\n", text[] = "hello\n",
			  zip[] = "PK\3\4";
	struct mett_error error;
	struct server server;
	const char *path = NULL;
	struct mett_client *client = begin(&server, "");

#define REFUSED(text_, path_) EXPECT_ERROR(error, METT_BAD_PROGRAM, text_, CREATE(path = path_))
	REFUSED("found: a script", make_file(&server, "file", script, strlen(script)));
	REFUSED("found: text", make_file(&server, "file", text, strlen(text)));
	REFUSED("found: a zip", make_file(&server, "file", zip, strlen(zip)));
	REFUSED("found: binary data", make_file(&server, "file", "\0", 1));
	REFUSED("cut short", cut_function(&server, 4096));
	REFUSED("cut short", cut_function(&server, 65536));
	REFUSED("cut short", cut_function(&server, sizeof(Elf64_Ehdr)));
	REFUSED("within its header", cut_function(&server, 20));
	REFUSED("within its header", cut_function(&server, 4));
	REFUSED("not an ELF", cut_function(&server, 3));
	unlink(path);
	REFUSED("dynamically", "/bin/true");
#undef REFUSED
	EXPECT_FAILURE(client, "x", "", NULL, METT_NO_ACTION);
	end(&server, client);
}

/* As small as a file can be that passes for a program; what it would run is nowhere. */
struct tiny {
	Elf64_Ehdr elf;
	Elf64_Phdr load, note;
	struct note_program ours;
};

static struct tiny tiny_program(uint64_t address)
{
	const size_t ours = offsetof(struct tiny, ours);
	struct tiny tiny = {
		.elf = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
	                            EV_CURRENT},
	                .e_type = ET_EXEC,
	                .e_machine = EM_X86_64,
	                .e_version = EV_CURRENT,
	                .e_entry = address,
	                .e_phoff = offsetof(struct tiny, load),
	                .e_ehsize = sizeof(Elf64_Ehdr),
	                .e_phentsize = sizeof(Elf64_Phdr),
	                .e_phnum = 2},
		.load = {PT_LOAD, PF_R | PF_X, 0, address, address, sizeof(tiny), sizeof(tiny),
	                 4096},
		.note = {PT_NOTE, PF_R, ours, address + ours, 0, sizeof(tiny.ours),
	                 sizeof(tiny.ours), 4},
		.ours = {sizeof(NOTE_NAME), sizeof(uint32_t), NOTE_TYPE, NOTE_NAME,
	                 PROTOCOL_VERSION},
	};

	return tiny;
}

TEST(program_that_does_not_start)
{
	struct tiny crash = tiny_program(0x400000), nowhere = tiny_program(1ULL << 60), version;
	struct mett_error error;
	struct server server;
	struct mett_client *client = begin_counted(&server, "");

	const char *path = make_file(&server, "file", &crash, sizeof(crash));
	CHECK_EQ(CREATE(path), 0);
	EXPECT_FAILURE(client, "x", "", NULL, METT_NO_START, 0, "its start ended by signal", "");
	path = make_file(&server, "file", &nowhere, sizeof(nowhere));
	CHECK_EQ(mett_action_update_path(client, "x", path, NULL, &error), 0);
	EXPECT_FAILURE(client, "x", "", NULL, METT_NO_START, 0, "'x' did not start", "");
	version = crash;
	version.ours.version = PROTOCOL_VERSION + 1;
	path = make_file(&server, "file", &version, sizeof(version));
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "with this server's libfaas",
	             mett_action_update_path(client, "x", path, NULL, &error));
	version.ours.name[0] ^= 1;
	path = make_file(&server, "file", &version, sizeof(version));
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "does not link libfaas",
	             mett_action_update_path(client, "x", path, NULL, &error));
	unlink(path);
	end_counted(&server, client);
}

/* Every action holds a descriptor of the server's. */
TEST(too_many_actions)
{
	struct tiny tiny = tiny_program(0x400000);
	struct rlimit limit;
	struct mett_error error;
	struct server server;
	char name[16];

	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < METT_ACTIONS_MAX + 1000)
		test_skip("the limit of descriptors is %lu", (unsigned long)limit.rlim_max);
	struct mett_client *client = begin(&server, "");
	const char *path = make_file(&server, "file", &tiny, sizeof(tiny));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < METT_ACTIONS_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		if (mett_action_create_fd(client, name, fd, NULL, &error))
			test_fail(__FILE__, __LINE__, "%s", error.message);
	}
	EXPECT_ERROR(error, METT_BUSY, "16384 actions", CREATE_FD(fd));
	CHECK_EQ(mett_action_update_fd(client, "7", fd, NULL, &error), 0);
	CHECK_EQ(mett_action_delete(client, "7", NULL), 0);
	CHECK_EQ(CREATE_FD(fd), 0);
	close(fd);
	unlink(path);
	end(&server, client);
}

TEST(program_too_large)
{
	struct mett_error error;
	struct server server;
	struct mett_client *client = begin(&server, "");

	const char *path = make_file(&server, "file", "x", 1);
	CHECK_EQ(truncate(path, METT_PROGRAM_MAX + 1), 0);
	EXPECT_ERROR(error, METT_TOO_LARGE, "268435457", CREATE(path));
	CHECK_EQ(error.detail, METT_PROGRAM_MAX);
	unlink(path);
	end(&server, client);
}

TEST(bad_options)
{
	const char *echo = function_path("echo");
	struct mett_action_options language = {.language = 7}, policy = {.policy = 7};
	struct mett_error error;
	struct server server;
	struct mett_client *client = begin(&server, "");

#define REFUSED(text_, options_)                                                                   \
	EXPECT_ERROR(error, METT_BAD_ARGUMENT, text_,                                              \
	             mett_action_create_path(client, "x", echo, options_, &error))
	REFUSED("language", &language);
	REFUSED("policy", &policy);
#undef REFUSED
	EXPECT_FAILURE(client, "x", "", NULL, METT_NO_ACTION);
	end(&server, client);
}

TEST(names)
{
	static const char *const lawful[] = {"a", "A-Z.0_9", "..", "-", NULL};
	static const char *const unlawful[] = {"", "a b", "a/b", "a\n", "\303\244", NULL};
	const char *echo = function_path("echo");
	char longest[METT_NAME_MAX + 2] = "";
	struct mett_error error;
	struct server server;
	struct mett_client *client = begin(&server, "");

	for (int i = 0; lawful[i]; i++) {
		CHECK_EQ(mett_action_create_path(client, lawful[i], echo, NULL, NULL), 0);
		EXPECT_ANSWER(client, lawful[i], lawful[i], lawful[i]);
	}
	memset(longest, 'n', METT_NAME_MAX);
	CHECK_EQ(mett_action_create_path(client, longest, echo, NULL, NULL), 0);
	EXPECT_ANSWER(client, longest, "64", "64");
	longest[METT_NAME_MAX] = 'n';
	const char *bad = longest;
	for (int i = 0; bad; bad = unlawful[i++]) {
		EXPECT_ERROR(error, METT_BAD_ARGUMENT, "not a lawful name",
		             mett_action_create_path(client, bad, echo, NULL, &error));
		EXPECT_ERROR(error, METT_BAD_ARGUMENT, "not a lawful name",
		             mett_action_update_path(client, bad, echo, NULL, &error));
		EXPECT_ERROR(error, METT_BAD_ARGUMENT, "not a lawful name",
		             mett_action_delete(client, bad, &error));
		EXPECT_ERROR(error, METT_BAD_ARGUMENT, "not a lawful name",
		             mett_action_submit(client, bad, NULL, 0, NULL, 0, &error));
		EXPECT_FAILURE(client, bad, "", NULL, METT_BAD_ARGUMENT, 0, "not a lawful name");
	}
	end(&server, client);
}

TEST(nulls)
{
	struct mett_action_info *rows;
	struct mett_result result = {0};
	struct mett_error error;
	struct server server;
	uint64_t token;
	size_t count;
	struct mett_client *client = begin(&server, "");

	deploy(client, "echo", NULL);
#define REFUSED(call_) EXPECT_ERROR(error, METT_BAD_ARGUMENT, "NULL", call_)
	REFUSED(mett_register_client(server.socket, NULL, &error));
	REFUSED(mett_action_create_path(NULL, "x", "y", NULL, &error));
	REFUSED(mett_action_create_path(client, "x", NULL, NULL, &error));
	REFUSED(mett_action_create_fd(NULL, "x", 0, NULL, &error));
	REFUSED(mett_action_update_path(client, "echo", NULL, NULL, &error));
	REFUSED(mett_action_delete(NULL, "echo", &error));
	REFUSED(mett_action_list(NULL, &rows, &count, &error));
	REFUSED(mett_action_list(client, NULL, &count, &error));
	REFUSED(mett_action_list(client, &rows, NULL, &error));
	REFUSED(mett_action_submit(NULL, "echo", NULL, 0, NULL, 0, &error));
	REFUSED(mett_action_submit(client, "echo", NULL, 1, NULL, 0, &error));
#undef REFUSED
	EXPECT_ERROR(error, METT_BAD_ARGUMENT, "(null)", mett_action_delete(client, NULL, &error));
	CHECK_EQ(mett_action_invoke(client, NULL, NULL, 0, NULL, NULL), -EINVAL);
	CHECK_EQ(mett_action_invoke(NULL, "echo", NULL, 0, NULL, NULL), -EINVAL);
	CHECK_EQ(mett_action_invoke(client, "echo", NULL, 1, NULL, &result), -EINVAL);
	CHECK_EQ(result.error.reason, METT_BAD_ARGUMENT);
	CHECK_EQ(mett_client_complete(NULL, 0, &token, &result), -EINVAL);
	CHECK_EQ(mett_client_complete(client, 0, NULL, &result), -EINVAL);
	CHECK_EQ(mett_client_complete(client, 0, &token, NULL), -EINVAL);
	CHECK_EQ(mett_client_reaped(NULL, NULL, 1), 0);
	CHECK_EQ(mett_client_in_flight(NULL), 0);
	mett_client_free(NULL);
	mett_result_deinit(NULL);
	/* And where NULL is allowed it works. */
	CHECK_EQ(mett_action_invoke(client, "echo", NULL, 0, NULL, NULL), 0);
	end(&server, client);
}

TEST(argument_too_large)
{
	char *large = calloc(1, METT_PAYLOAD_MAX + 1);
	struct mett_result result;
	struct mett_error error;
	struct server server;
	struct mett_client *client = begin(&server, "--max-payload 100K");

	deploy(client, "echo", NULL);
	CHECK_EQ(mett_action_invoke(client, "echo", large, 102400, NULL, NULL), 0);
	CHECK_EQ(mett_action_invoke(client, "echo", large, 102401, NULL, &result), -EMSGSIZE);
	CHECK_EQ(result.error.reason, METT_TOO_LARGE);
	CHECK_EQ(result.error.detail, 102400);
	CHECK(strstr(result.error.message, "--max-payload"));
	EXPECT_ERROR(error, METT_TOO_LARGE, "102401 bytes",
	             mett_action_submit(client, "echo", large, 102401, NULL, 0, &error));
	end(&server, client);
	free(large);
}

TEST(too_many_in_flight)
{
	struct mett_error error;
	struct server server;
	uint64_t token;
	struct mett_client *client = begin(&server, "");

	deploy(client, "sleep", NULL);
	for (int i = 0; i < METT_IN_FLIGHT_MAX; i++)
		submit(client, "sleep", "1000", 0);
	EXPECT_ERROR(error, METT_BUSY, "64 invocations",
	             mett_action_submit(client, "sleep", "1", 1, NULL, 0, &error));
	EXPECT_FAILURE(client, "sleep", "1", NULL, METT_BUSY, METT_IN_FLIGHT_MAX, "64 invocations");
	CHECK_EQ(mett_client_in_flight(client), METT_IN_FLIGHT_MAX);
	complete(client, &token);
	submit(client, "sleep", "1", 0);
	end(&server, client);
}

TEST(server_killed)
{
	struct mett_client *client, *idle;
	struct mett_result result;
	struct mett_error error;
	struct server server;
	uint64_t token;

	client = begin(&server, "");
	idle = join(&server);
	deploy(client, "sleep", NULL);
	for (uint64_t i = 0; i < 3; i++)
		submit(client, "sleep", "60000", i);
	CHECK_EQ(mett_client_complete(client, 500 * MS_US, &token, &result), 0);
	server_kill(&server);
	unsigned seen = 0;
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(mett_client_complete(client, -1, &token, &result), 1);
		CHECK_EQ(result.error.reason, METT_GONE);
		CHECK(strstr(result.error.message, "server is gone"));
		seen |= 1U << token;
		mett_result_deinit(&result);
	}
	CHECK_EQ(seen, 7);
	CHECK_EQ(mett_client_complete(client, -1, &token, &result), -EPIPE);
	EXPECT_FAILURE(client, "sleep", "0", NULL, METT_GONE, 0, "register again");
	EXPECT_ERROR(error, METT_GONE, "gone", mett_action_delete(idle, "x", &error));
	EXPECT_ERROR(error, METT_GONE, "nobody listens",
	             mett_register_client(server.socket, &client, &error));
	EXPECT_ERROR(error, METT_GONE, "that is no socket",
	             mett_register_client(server.folder, &client, &error));
	mett_client_free(client);
	mett_client_free(idle);
	server_remove(&server);
	EXPECT_ERROR(error, METT_GONE, "no such socket",
	             mett_register_client(server.socket, &client, &error));
}

/* A server short of descriptors says so, serves those it has, and recovers. */
TEST(out_of_descriptors)
{
	enum { MANY = 64 };
	struct mett_client *clients[MANY];
	struct rlimit few = {64, 64}, all;
	struct mett_error error = {0};
	struct server server;
	int count = 0;

	getrlimit(RLIMIT_NOFILE, &all);
	server_start(&server, "--max-clients 1000");
	CHECK_EQ(prlimit(server.pid, RLIMIT_NOFILE, &few, NULL), 0);
	clients[0] = join(&server);
	deploy(clients[0], "echo", NULL);
	EXPECT_ANSWER(clients[0], "echo", "x", "x");
	server_steady(&server);
	do
		count++;
	while (count < MANY && !mett_register_client(server.socket, &clients[count], &error));
	CHECK(count < MANY);
	if (error.reason != METT_NO_MEMORY && error.reason != METT_GONE)
		test_fail(__FILE__, __LINE__, "%s", error.message);
	EXPECT_FAILURE(clients[0], "none", "", NULL, METT_NO_ACTION);
	while (count > 1)
		mett_client_free(clients[--count]);
	SOON(!mett_register_client(server.socket, &clients[1], NULL));
	mett_client_free(clients[1]);
	EXPECT_ANSWER(clients[0], "echo", "y", "y");
	end(&server, clients[0]);
}
