#pragma once

/* Processes, by the descriptors that stand for them. */
#include "../sandbox.h"

#include <sys/types.h>

/** process_status() - how the process behind a pidfd ended; it stays to be waited for */
struct sys_exit process_status(int pidfd);

/** process_bury() - the same, and its pid can be another's from now on */
struct sys_exit process_bury(int pidfd);

/** process_id() - pid behind a pidfd, or a negative errno */
pid_t process_id(int pidfd);

/** process_child() - the same if it is a child of ours, else -ECHILD: it may come from a zygote */
pid_t process_child(int pidfd);

/** process_kill() - end the process behind a pidfd; 0, or a negative errno if it will not */
int process_kill(int pidfd);

/** process_remove() - the same, and wait until it has ended if it is a child of ours */
void process_remove(int pidfd);
