#pragma once

/*
 * What the escape tests share: one server a test, as root and as an ordinary
 * user, and what came of a forbidden call.
 */
#include <fixture.h>

enum {
	KILLED = -1, /* ended for a forbidden system call */
	ENDED = -2,  /* ended otherwise, or did not end in time: see sandbox_try() */
};

/** enum user - whom the server and the test run as */
enum user { AS_CALLER, AS_NOBODY };

/** sandbox_user() - go on as an ordinary user, or skip the test where that is not possible */
void sandbox_user(enum user user);

/** sandbox_begin() - as begin(); and create an action named as its function, under a policy */
struct mett_client *sandbox_begin(struct server *ret, const char *function,
                                  enum mett_policy policy);

/**
 * sandbox_try() - let a function try something
 * @ret_reason: why it gave no answer; may be NULL
 *
 * Return: the errno it answers, 0 for success, KILLED, or ENDED.
 */
int sandbox_try(struct mett_client *client, const char *action, const char *argument,
                struct mett_error *ret_error);

/* SANDBOX_TEST() - a test for each policy and user, called with both */
#define SANDBOX_TEST_ONE(name_, policy_, user_)                                                    \
	TEST_TIMEOUT(name_##_##policy_##_##user_, 300)                                             \
	{                                                                                          \
		sandbox_user(AS_##user_);                                                          \
		name_(METT_POLICY_##policy_);                                                      \
	}

#define SANDBOX_TEST(name_)                                                                        \
	SANDBOX_TEST_ONE(name_, FORK, CALLER)                                                      \
	SANDBOX_TEST_ONE(name_, SPAWN, CALLER)                                                     \
	SANDBOX_TEST_ONE(name_, REUSE, CALLER)                                                     \
	SANDBOX_TEST_ONE(name_, FORK, NOBODY)                                                      \
	SANDBOX_TEST_ONE(name_, SPAWN, NOBODY)                                                     \
	SANDBOX_TEST_ONE(name_, REUSE, NOBODY)
