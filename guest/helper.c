// SPDX-License-Identifier: MIT
/*
 * What /init would not do well with busybox.
 *
 * neuron-guest mount: mounts what the lines of standard input say, "TYPE SOURCE TARGET OPTIONS" with tabs between, or
 * "move FROM TO". A process for each of them would take the guest a third of a second.
 *
 * neuron-guest wake PORT: the last thing that a guest does before its state is saved, and the first that each run does which
 * starts from it. Says on the port that the guest is ready, and waits; asks for the time and for random bytes, and sets both.
 * Without that two runs would draw the same random numbers, at the time of the snapshot. The other end is guest/snapshot.py.
 * Lines: "ready" from here, "wake" from there, "now" from here, "SECONDS NANOSECONDS HEX" from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define ENTROPY_BYTES 32

static int fail(const char *what) {
    fprintf(stderr, "neuron-guest: %s: %s\n", what, strerror(errno));
    return 1;
}

static int say(int port, const char *line) { return write(port, line, strlen(line)) == (ssize_t)strlen(line) ? 0 : -1; }

/* One line, without its end. The port reads as closed (0) while nobody listens on the host's side. */
static int hear(int port, char *line, size_t size) {
    size_t used = 0;

    while (used < size - 1) {
        ssize_t got = read(port, line + used, 1);

        if (got < 0)
            return -1;
        if (got == 0) {
            usleep(1000);
            continue;
        }
        if (line[used] == '\n')
            break;
        used++;
    }
    line[used] = '\0';
    return 0;
}

static int set_clock(const char *line) {
    struct timespec now;
    long long seconds;

    if (sscanf(line, "%lld %ld", &seconds, &now.tv_nsec) != 2)
        return -1;
    now.tv_sec = seconds;
    return clock_settime(CLOCK_REALTIME, &now);
}

static int add_entropy(const char *hex) {
    _Alignas(struct rand_pool_info) unsigned char room[sizeof(struct rand_pool_info) + ENTROPY_BYTES];
    struct rand_pool_info *fresh = (struct rand_pool_info *)room;
    int random, result;

    fresh->entropy_count = ENTROPY_BYTES * 8;
    fresh->buf_size = ENTROPY_BYTES;

    for (size_t i = 0; i < ENTROPY_BYTES; i++) {
        unsigned int byte;

        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return -1;
        ((unsigned char *)fresh->buf)[i] = (unsigned char)byte;
    }
    random = open("/dev/urandom", O_WRONLY);
    if (random < 0)
        return -1;
    /* Into the pool, and at once from there to where random numbers come from. */
    result = ioctl(random, RNDADDENTROPY, fresh) || ioctl(random, RNDRESEEDCRNG);
    close(random);
    return result;
}

static int wake_up(const char *path) {
    char line[256];
    const char *hex;
    int port = open(path, O_RDWR);

    if (port < 0)
        return fail(path);
    if (say(port, "ready\n") || hear(port, line, sizeof(line)))
        return fail("waiting");
    if (strcmp(line, "wake")) {
        fprintf(stderr, "neuron-guest: '%s' is no reason to wake up\n", line);
        return 1;
    }
    if (say(port, "now\n") || hear(port, line, sizeof(line)))
        return fail("asking for the time");
    hex = strrchr(line, ' ');
    if (!hex || set_clock(line))
        return fail("setting the clock");
    if (add_entropy(hex + 1))
        return fail("adding entropy");
    return 0;
}

/* The next field of a line, which tabs separate; an empty one at its end. */
static char *field(char **rest) {
    char *start = *rest;
    size_t length = strcspn(start, "\t\n");

    *rest = start[length] ? start + length + 1 : start + length;
    start[length] = '\0';
    return start;
}

static int mount_all(void) {
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        char *rest = line;
        const char *type = field(&rest), *source = field(&rest), *target = field(&rest), *options = field(&rest);
        int result;

        if (!strcmp(type, "move"))
            result = mount(source, target, NULL, MS_MOVE, NULL);
        else if (!strncmp(options, "ro,", 3))
            result = mount(source, target, type, MS_RDONLY, options + 3);
        else
            result = mount(source, target, type, 0, options);
        if (result)
            return fail(target);
    }
    free(line);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "wake"))
        return wake_up(argv[2]);
    if (argc == 2 && !strcmp(argv[1], "mount"))
        return mount_all();
    fprintf(stderr, "usage: neuron-guest mount | wake PORT\n");
    return 2;
}
