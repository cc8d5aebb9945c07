#pragma once

/*
 * First: a sandbox's two first processes, from their clone to the point where
 * they are what they shall be. Both are the launcher's code, run in the child.
 */
#include "filter.h"
#include "launcher.h"
#include "root.h"

/**
 * first_init() - be the sandbox's init: sleep, and die with the server
 * @life:   closes when the server is gone
 * @tenant: pipe that gets a byte when the sandbox has its user, and one when a program is in
 *
 * Until then it dies with the launcher too.
 */
__attribute__((noreturn)) void first_init(sys_cap life, const int tenant[2]);

/**
 * first_program() - go into a sandbox, give up every right, become the program
 * @runtime: what LAUNCH_PROGRAM is handed to, and started in its place; or NULL
 * @init:    pidfd of the sandbox's init
 * @caps:    enum launch_cap; one that was not given is SYS_NO_CAP
 *
 * Sends BUILT, and UNBUILT if a later step fails.
 */
__attribute__((noreturn)) void first_program(const struct root *root, const struct runtime *runtime,
                                             const struct sock_fprog *filter, int init,
                                             const struct launch_request *request,
                                             const sys_cap caps[LAUNCH_CAPS]);

/** first_tell_failure() - send UNBUILT: which step of making a sandbox failed, and why; 0: it says
 */
void first_tell_failure(sys_cap gate, const char *step, int error);
