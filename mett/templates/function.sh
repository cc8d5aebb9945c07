#!/bin/sh
# Deploy it with `mett deploy FILE --grant system`, as a shell is a program of the machine;
# invoke it with `mett invoke NAME world`.

# The argument is the input, the answer the output; what goes to >&2 is the log.
name=$(cat)
if [ -z "$name" ]; then
	echo "whom shall I greet? give a name as the argument" >&2
	exit 1
fi
echo "Hello, $name!"
