/* The examples in Python do what they say. */
#include <fixture.h>

#include <stdlib.h>
#include <string.h>

static struct server server;

static void add(struct mett_client *client, const char *name, const char *file)
{
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", getenv("EXAMPLES"), file);
	deploy_file(client, name, path, &python);
}

TEST(words)
{
	struct mett_client *client = begin(&server, "");

	add(client, "words", "words.py");
	EXPECT_ANSWER(client, "words", "",
	              "{\"lines\": 0, \"words\": 0, \"distinct\": 0, \"frequent\": []}");
	EXPECT_ANSWER(client, "words", "To be, or not to be:\nthat's the question. Ärger, ärger",
	              "{\"lines\": 2, \"words\": 11, \"distinct\": 8, \"frequent\": [[\"be\", 2], "
	              "[\"to\", 2], [\"ärger\", 2]]}");
	end(&server, client);
}

TEST(reshape)
{
	struct mett_client *client = begin(&server, "");

	add(client, "reshape", "reshape.py");
	EXPECT_ANSWER(client, "reshape",
	              "[{\"customer\": \"B\", \"items\": [{\"price\": 0.1, \"count\": 3}]},"
	              " {\"customer\": \"A\", \"items\": []},"
	              " {\"customer\": \"B\", \"items\": [{\"price\": 2, \"count\": 1}]}]",
	              "[{\"customer\": \"A\", \"orders\": 1, \"total\": \"0\"}, "
	              "{\"customer\": \"B\", \"orders\": 2, \"total\": \"2.3\"}]");
	EXPECT_FAILURE(client, "reshape", "[", NULL, METT_FAILED, 1, "JSONDecodeError");
	end(&server, client);
}

TEST(totals)
{
	struct mett_client *client = begin(&server, "");

	add(client, "totals", "totals.py");
	EXPECT_ANSWER(client, "totals",
	              "city,amount\nname,city,amount\n\"a, b\",Ulm,1.5\nc,Bonn,2\nd,Ulm,3\n",
	              "city,count,mean,total\nBonn,1,2,2\nUlm,2,2.25,4.5\n");
	EXPECT_FAILURE(client, "totals", "city,amount\ncity\nUlm\n", NULL, METT_FAILED, 1,
	               "KeyError: 'amount'");
	end(&server, client);
}

TEST(letter)
{
	struct mett_client *client = begin(&server, "");

	add(client, "letter", "letter.py");
	EXPECT_ANSWER(
		client, "letter", "{\"title\": \"<Tea>\", \"items\": [\"milk & sugar\", \"$1\"]}",
		"<h1>&lt;Tea&gt;</h1>\n<ul>\n<li>milk &amp; sugar</li>\n<li>$1</li>\n</ul>\n");
	end(&server, client);
}

TEST(chain)
{
	struct mett_client *client = begin(&server, "");

	add(client, "chain", "chain.py");
	EXPECT_ANSWER(client, "chain", "x", "no statistics: no such action");
	deploy(client, "call", NULL);
	add(client, "words", "words.py");
	EXPECT_ANSWER(client, "chain", "one two one", "3 words, most often 'one'");
	end(&server, client);
}

TEST(numbers)
{
	struct mett_client *client = begin(&server, "");
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};

	deploy_file(client, "numbers", getenv("EXAMPLE_NUMBERS"), &python);
	EXPECT_ANSWER(client, "numbers", "1987", "MCMLXXXVII");
	EXPECT_FAILURE(client, "numbers", "0", NULL, METT_FAILED, 1,
	               "ValueError: there is no numeral for 0 (numerals/__init__.py line",
	               "raise ValueError(f\"there is no numeral");
	end(&server, client);
}

/* The client's own functions, of which there is one in C beside each. */
TEST(functions_of_the_client)
{
	const char *folder = getenv("CLIENT_FUNCTIONS");
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	const struct mett_config config = {.memory_limit = 64 * MIB};
	const char *const names[] = {"empty", "busy", "call", "allocate", "sleep"};
	struct mett_client *client = begin(&server, "");
	struct mett_result result;
	char path[512];

	for (int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "%s/%s.py", folder, names[i]);
		deploy_file(client, names[i], path, &python);
	}
	EXPECT_ANSWER(client, "empty", "", "");
	EXPECT_ANSWER(client, "call", "allocate 2000000", "2000000");
	EXPECT_FAILURE(client, "allocate", "", &config, METT_OUT_OF_MEMORY, 64 << 10);
	CHECK_EQ(mett_action_invoke(client, "busy", "100000", 6, NULL, &result), 0);
	CHECK(atoi(result.answer) > 0);
	mett_result_deinit(&result);
	CHECK_EQ(mett_action_invoke(client, "sleep", "20", 2, NULL, &result), 0);
	CHECK(atoi(result.answer) >= 20000);
	mett_result_deinit(&result);
	end(&server, client);
}
