#pragma once

/**
 * rights_drop() - give up every capability, and the way to any, for good
 *
 * Who may not change the bounding set keeps it; without capabilities and with
 * no_new_privs it gives nothing.
 *
 * Return: 0 or a negative errno.
 */
int rights_drop(void);
