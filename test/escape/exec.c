/*
 * The sandbox of a program that nobody wrote for us: it can start others and look at what
 * was granted, and that is all. Shell and Python try it, as they are on most machines.
 */
#include "sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct server server;

/* Each line is Python; what it raises is the answer, as an errno. */
static const char script[] =
	"#!/usr/bin/python3\n"
	"import sys, os, socket, ctypes, fcntl, mmap, signal\n"
	"libc = ctypes.CDLL(None, use_errno=True)\n"
	"def call(*args):\n"
	"    if libc.syscall(*args) < 0: raise OSError(ctypes.get_errno(), 'call')\n"
	"try:\n"
	"    result = eval(sys.stdin.read())\n"
	"    print(result if isinstance(result, (str, int)) else 0, end='')\n"
	"except OSError as error:\n"
	"    print(error.errno, end='')\n";

static const struct {
	const char *attempt;
	int outcome;
} attempts[] = {
	{"open('/etc/passwd')", ENOENT},
	{"open('/etc/shadow')", ENOENT},
	{"os.listdir('/proc')", ENOENT},
	{"os.listdir('/root')", ENOENT},
	{"os.listdir('/home')", ENOENT},
	{"os.listdir('/sys')", ENOENT},
	{"open('/dev/zero')", ENOENT},
	{"open('/../../etc/passwd')", ENOENT},
	{"open('/usr/new', 'w')", EROFS},
	{"open('/new', 'w')", EROFS},
	{"open('/function/new', 'w')", EROFS},
	{"open('/function/escape', 'w')", EROFS},
	{"open('/dev/new', 'w')", EROFS},
	{"os.mkdir('/tmp')", EROFS},
	{"os.listxattr('/function')", EOPNOTSUPP},
	{"os.unlink('/function/escape')", EROFS},
	{"os.chmod('/function/escape', 0o777)", EROFS},
	{"os.chroot('/usr')", ENOSYS},
	{"os.setuid(0)", ENOSYS},
	{"socket.socket()", EACCES},
	{"socket.socket(socket.AF_UNIX)", EACCES},
	{"mmap.mmap(-1, 4096)", ENOSYS}, /* shared and anonymous: it counts to no limit */
	{"os.memfd_create('x')", EPERM},
	{"fcntl.flock(open('/dev/null'), fcntl.LOCK_EX)", ENOSYS},
	{"fcntl.lockf(open('/dev/null', 'w'), fcntl.LOCK_EX)", ENOSYS},
	{"call(101, 0, 0, 0, 0)", ENOSYS},            /* ptrace */
	{"call(310, 1, 0, 0, 0, 0, 0)", ENOSYS},      /* process_vm_readv */
	{"call(165, 0, 0, 0, 0, 0)", ENOSYS},         /* mount */
	{"call(272, 0x10000000)", ENOSYS},            /* unshare */
	{"call(308, 3, 0)", ENOSYS},                  /* setns */
	{"call(56, 0x10000011, 0, 0, 0, 0)", ENOSYS}, /* clone into a user namespace */
	{"call(56, 0x20000011, 0, 0, 0, 0)", ENOSYS}, /* a pid namespace */
	{"call(56, 0x8011, 0, 0, 0, 0)", ENOSYS},     /* a child of our parent's */
	{"call(435, 0, 0)", ENOSYS},                  /* clone3 */
	{"call(321, 0, 0, 0)", ENOSYS},               /* bpf */
	{"call(425, 1, 0)", ENOSYS},                  /* io_uring_setup */
	{"call(438, 3, 0, 0)", ENOSYS},               /* pidfd_getfd */
	{"os.kill(1, 0)", 0},                         /* its own init, which does not hear it */
	{"open('/dev/null', 'w').write('x')", 1},
	{"os.getuid()", 1000},
	{"os.system('exit 3') >> 8", 3},
};

static struct mett_client *begin_program(const char *program, enum mett_policy policy)
{
	const struct mett_action_options options = {
		METT_LANGUAGE_EXEC, policy, {0}, METT_GRANT_SYSTEM};
	if (access("/usr/bin/python3", X_OK))
		test_skip("/usr/bin/python3 is not installed");
	struct mett_client *client = begin(&server, "");
	const char *path = make_file(&server, "script", program, strlen(program));
	deploy_file(client, "escape", path, &options);
	CHECK_EQ(unlink(path), 0);
	return client;
}

static void programs_have_no_way_out(enum mett_policy policy)
{
	struct mett_client *client = begin_program(script, policy);

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		int got = sandbox_try(client, "escape", attempts[i].attempt, NULL);

		if (got != attempts[i].outcome)
			test_fail(__FILE__, __LINE__, "%s comes to %d, not %d", attempts[i].attempt,
			          got, attempts[i].outcome);
	}
	end(&server, client);
}

static void programs_see_what_was_granted(enum mett_policy policy)
{
	struct mett_client *client = begin_program(script, policy);

	EXPECT_ANSWER(
		client, "escape",
		"str(sorted(x for x in os.listdir('/') if x[:3] != 'lib' and x[-3:] != 'bin'))",
		"['dev', 'etc', 'function', 'usr']");
	EXPECT_ANSWER(client, "escape", "str(os.listdir('/dev'))", "['null']");
	EXPECT_ANSWER(client, "escape", "str(os.listdir('/function'))", "['escape']");
	EXPECT_ANSWER(client, "escape",
	              "str(sorted(set(os.listdir('/etc')) - {'alternatives', "
	              "'ld.so.cache'}))",
	              "[]");
	EXPECT_ANSWER(client, "escape", "str([fd for fd in range(512) if libc.fcntl(fd, 1) >= 0])",
	              "[0, 1, 2]");
	EXPECT_ANSWER(client, "escape", "str(sorted(k for k in os.environ if k[:5] != 'METT_'))",
	              "['HOME', 'LANG', 'PATH']");
	end(&server, client);
}

/* As many processes as it may have, and none of them outlives the call. */
static void bombs_are_contained(enum mett_policy policy)
{
	const char bomb[] = "#!/bin/sh\nf() { f | f & }\nf\nsleep 100\n";
	const struct mett_config config = {.timeout_us = 1500 * MS_US};
	struct mett_client *client = begin_program(bomb, policy), *other = join(&server);

	deploy(other, "echo", NULL);
	EXPECT_ANSWER(other, "echo", "x", "x");
	struct usage usage = server_steady(&server);
	mett_action_invoke(client, "escape", "", 0, &config, NULL);
	EXPECT_ANSWER(other, "echo", "x", "x");
	mett_client_free(client);
	SOON(server_usage(&server).processes <= usage.processes);
	end(&server, other);
}

SANDBOX_TEST(programs_have_no_way_out)
SANDBOX_TEST(programs_see_what_was_granted)
SANDBOX_TEST(bombs_are_contained)
