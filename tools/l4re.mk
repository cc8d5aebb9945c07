# What our packages have in common when L4Re's build system builds them; see doc/l4re.md.
CFLAGS_C99 = -std=gnu17
WARNINGS   = -Wall
CPPFLAGS  += -D_GNU_SOURCE

# The sources of a folder without their tests.
sources = $(filter-out test-%,$(notdir $(wildcard $(1)/*.c)))
