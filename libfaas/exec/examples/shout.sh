#!/bin/sh
# Language exec, --grant system: the argument on stdin, the answer on stdout.
exec tr '[:lower:]' '[:upper:]'
