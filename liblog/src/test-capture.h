#pragma once

/* For tests: what is written to stderr between capture_begin() and capture_end(). */
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int capture_stderr, capture_file;

static inline void capture_begin(void)
{
	capture_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	capture_file = memfd_create("capture", MFD_CLOEXEC);
	CHECK(capture_stderr >= 0 && capture_file >= 0);
	CHECK(dup2(capture_file, STDERR_FILENO) == STDERR_FILENO);
}

/* Returns the number of bytes; @text is a string that ends where they do. */
static inline size_t capture_end(char *text, size_t size)
{
	dup2(capture_stderr, STDERR_FILENO);
	ssize_t length = pread(capture_file, text, size - 1, 0);
	close(capture_stderr);
	close(capture_file);
	CHECK(length >= 0);
	text[length] = 0;
	return (size_t)length;
}
