/* A program that knows nothing of Mett-Eagle: it turns its input round. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	static char text[1 << 20];
	size_t size = fread(text, 1, sizeof(text), stdin);

	for (size_t i = 0; i < size; i++)
		putchar(text[size - 1 - i]);
	return 0;
}
