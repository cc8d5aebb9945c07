#pragma once

/*
 * Large pages for a program's text. A process that has its text in one of them, of 2 MiB,
 * maps it by one fault and lets go of it at once; by small pages it is hundreds.
 */

enum { LARGE_PAGE = 2 << 20 };

/**
 * large_copy() - a copy of a program, for reading only, in memory of large pages
 * @path: of the program
 * @ret:  descriptor that it can be executed by; the copy lives as long as somebody has it
 *
 * What fits into one such page is not copied, since it would have nothing of it. Call it with
 * the right to mount.
 *
 * Return: 0 or a negative errno, as -ENOTSUP for a program that is too small, -EINVAL where the
 * kernel has no large pages; the program itself does as well then.
 */
int large_copy(const char *path, int *ret);
