#pragma once

/* Processes, by the descriptors that stand for them. */
#include "../sandbox.h"

#include <sys/types.h>

/** process_status() - how the process behind a pidfd ended; it stays to be waited for */
struct sys_exit process_status(int pidfd);

/** process_id() - pid behind a pidfd, or a negative errno */
pid_t process_id(int pidfd);

/** process_kill() - end the process behind a pidfd */
void process_kill(int pidfd);

/** process_is_child() - is what a zygote sent the pidfd of a child of ours? */
int process_is_child(int pidfd);
