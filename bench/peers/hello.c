/*
 * The program that each peer starts: it says hello, in the way fcgiwrap expects
 * of it, and leaves.
 */
#include <unistd.h>

int main(void)
{
	static const char answer[] = "Status: 200 OK\nContent-Type: text/plain\n\nhello\n";

	return write(STDOUT_FILENO, answer, sizeof(answer) - 1) < 0;
}
