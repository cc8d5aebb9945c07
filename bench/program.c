/* What the empty function is as a program of its own. */
int main(void)
{
	return 0;
}
