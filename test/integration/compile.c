/* C by source: what the client makes of it, and a chain of calls in three languages. */
#include <fixture.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct server server;
static struct mett_error error;

static const char good[] =
	"#include <faas.h>\n"
	"int faas_main(const void *argument, size_t size)\n"
	"{\n\treturn faas_answer_format(\"<{}>\", fmt_bytes(argument, size));\n}\n";

/* Compile and deploy. */
static void add_source(struct mett_client *client, const char *name, const char *path)
{
	int fd;

	if (mett_compile_c(path, &fd, &error) ||
	    mett_action_create_fd(client, name, fd, NULL, &error))
		test_fail(__FILE__, __LINE__, "%s", error.message);
	close(fd);
}

TEST(names_are_only_names)
{
	const char *const names[] = {"f.c", "-o", "@file", "a b;c$(d)'\"", "no-suffix", "x.o"};
	struct mett_client *client = begin(&server, "");

	for (int i = 0; i < 6; i++) {
		const char *path = make_file(&server, names[i], good, strlen(good));

		CHECK_EQ(chdir(server.folder), 0);
		add_source(client, "it", names[i]);
		EXPECT_ANSWER(client, "it", "x", "<x>");
		CHECK_EQ(mett_action_delete(client, "it", NULL), 0);
		CHECK_EQ(unlink(path), 0);
	}
	end(&server, client);
}

TEST(so_is_a_function_in_cxx)
{
	const char source[] = "#include <faas.h>\n#include <string>\n"
			      "int faas_main(const void *argument, size_t size)\n"
			      "{\n\tstd::string text(static_cast<const char *>(argument), size);\n"
			      "\ttext += '!';\n"
			      "\treturn faas_answer(text.data(), text.size());\n}\n";
	struct mett_client *client = begin(&server, "");
	const char *path = make_file(&server, "f.cc", source, strlen(source));
	int fd = -1;

	if (mett_compile_cxx(path, &fd, &error) ||
	    mett_action_create_fd(client, "it", fd, NULL, &error))
		test_fail(__FILE__, __LINE__, "%s", error.message);
	close(fd);
	EXPECT_ANSWER(client, "it", "x", "x!");
	setenv("CXX", "no-such-compiler", 1);
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "in CXX", mett_compile_cxx(path, &fd, &error));
	CHECK_EQ(unlink(path), 0);
	end(&server, client);
}

TEST(the_compiler_says_what_is_wrong)
{
	const char bad[] = "int faas_main(void)\n{\n\treturn no_such_thing;\n}\n";
	char said[4096] = "";
	struct mett_client *client = begin(&server, "");
	const char *path = make_file(&server, "bad.c", bad, strlen(bad));
	int fd, ends[2], before = dup(STDERR_FILENO);

	CHECK(before >= 0 && pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);
	int returned = mett_compile_c(path, &fd, &error);
	CHECK(dup2(before, STDERR_FILENO) >= 0);
	close(before);
	close(ends[1]);
	CHECK(read(ends[0], said, sizeof(said) - 1) > 0);
	close(ends[0]);
	CHECK_EQ(returned, -EINVAL);
	CHECK(strstr(said, "bad.c:3:") && strstr(said, "no_such_thing"));
	CHECK(strstr(error.message, "bad.c") && strstr(error.message, "compiler's errors"));
	CHECK_EQ(unlink(path), 0);
	end(&server, client);
}

TEST(what_is_missing_is_named)
{
	struct mett_client *client = begin(&server, "");
	const char *path = make_file(&server, "f.c", good, strlen(good));
	int fd = -1;

	EXPECT_ERROR(error, METT_BAD_ARGUMENT, "path is NULL", mett_compile_c(NULL, &fd, &error));
	EXPECT_ERROR(error, METT_BAD_ARGUMENT, "ret_fd is NULL",
	             mett_compile_c(path, NULL, &error));
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "No such file",
	             mett_compile_c("/no/f.c", &fd, &error));
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "no regular file", mett_compile_c("/", &fd, &error));
	setenv("CC", "no-such-compiler -v", 1);
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "compiler 'no-such-compiler'",
	             mett_compile_c(path, &fd, &error));
	setenv("CC", " ", 1);
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "cannot run the compiler",
	             mett_compile_c(path, &fd, &error));
	unsetenv("CC");
	setenv("TMPDIR", "/no/such/folder", 1);
	EXPECT_ERROR(error, METT_NO_MEMORY, "/no/such/folder", mett_compile_c(path, &fd, &error));
	unsetenv("TMPDIR");
	setenv("PKG_CONFIG_LIBDIR", "/nowhere", 1);
	setenv("PKG_CONFIG_PATH", "/nowhere", 1);
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "does not know 'faas'",
	             mett_compile_c(path, &fd, &error));
	setenv("PATH", "/nowhere", 1);
	EXPECT_ERROR(error, METT_BAD_PROGRAM, "pkg-config", mett_compile_c(path, &fd, &error));
	CHECK_EQ(fd, -1);
	CHECK_EQ(unlink(path), 0);
	end(&server, client);
}

static const char *example(const char *file)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", getenv("SHELL_EXAMPLES"), file);
	return path;
}

TEST(a_chain_of_three_languages)
{
	const struct mett_action_options python = {.language = METT_LANGUAGE_PYTHON};
	const struct mett_action_options exec = {
		METT_LANGUAGE_EXEC, METT_POLICY_DEFAULT, {0}, METT_GRANT_SYSTEM};
	if (!getenv("SCRIPTS"))
		test_skip("this build has no Python");
	struct mett_client *client = begin(&server, "");

	deploy_file(client, "chain", example("chain.py"), &python);
	add_source(client, "greet", example("greet.c"));
	EXPECT_FAILURE(client, "chain", "you", NULL, METT_FAILED, 1, "cannot shout");
	deploy_file(client, "shout", example("shout.sh"), &exec);
	EXPECT_ANSWER(client, "chain", "you me", "HELLO, YOU!\nHELLO, ME!");
	end(&server, client);
}

/* Returns the client program's exit status. */
static int run_client(const char *arguments)
{
	char command[1024];

	snprintf(command, sizeof(command),
	         "%s --socket=%s --iterations=20 --threads=2 --json %s "
	         ">/dev/null 2>&1",
	         getenv("CLIENT"), server.socket, arguments);
	int status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(the_client_takes_each_language)
{
	struct mett_client *client = begin(&server, "");
	char arguments[512];

	snprintf(arguments, sizeof(arguments), "--function=%s/shout.sh --language=exec",
	         getenv("SHELL_EXAMPLES"));
	CHECK_EQ(run_client(arguments), 1);
	strcat(arguments, " --grant=system");
	CHECK_EQ(run_client(arguments), 0);
	snprintf(arguments, sizeof(arguments), "--function=%s",
	         make_file(&server, "f.c", good, strlen(good)));
	CHECK_EQ(run_client(arguments), 0);
	const char *path = make_file(&server, "f.c", "int\n", 4);
	CHECK_EQ(run_client(arguments), 1);
	CHECK_EQ(unlink(path), 0);
	end(&server, client);
}
