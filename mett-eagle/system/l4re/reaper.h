#pragma once

/*
 * To delete objects of the kernel takes a grace period each time, however many they are.
 * A thread below all others does it, for all that came together since the last time.
 */

#include <stdbool.h>

/** reaper_start() - from now on slots_drop() leaves its work to the reaper; 0 or -errno */
int reaper_start(void);

/** reaper_behind() - is there so much to be deleted that nothing new should be made? */
bool reaper_behind(void);
