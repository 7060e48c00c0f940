/* The bare epoll reader shows the cost of a client that only reads. It keeps STREAMS streams open against `bench sim --exact`
 * and takes the user-space time of each read. It parses nothing. It prints one JSON line.
 *
 *     reader PORT STREAMS REQUESTS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GAPS 4000000

static const char body[] = "{\"prompt\":\"x\",\"stream\":true}";
struct stream { int fd; double sent, last; };
static double *ttft, *gap;
static long ttfts, gaps, events;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void ask(struct stream *s) {
    char request[256];
    int n = snprintf(request, sizeof request, "POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %zu\r\n\r\n%s",
                     strlen(body), body);
    s->sent = now();
    s->last = 0;
    if (write(s->fd, request, n) != n) exit(1);
}

static int by_value(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

static double at(double *values, long n, double share) {
    return n ? values[(long)((n - 1) * share)] : 0;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int port = atoi(argv[1]), streams = atoi(argv[2]), requests = atoi(argv[3]), begun = 0, done = 0;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rlimit files = {20000, 20000};
    struct epoll_event ready[256];
    static char buffer[65536];
    setrlimit(RLIMIT_NOFILE, &files);
    ttft = malloc(sizeof(double) * requests);
    gap = malloc(sizeof(double) * GAPS);
    struct stream *all = calloc(streams, sizeof *all);
    int epoll = epoll_create1(0), one = 1;
    for (int i = 0; i < streams; i++) {
        all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(all[i].fd, (void *)&to, sizeof to)) return perror("connect"), 1;
        setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event);
    }
    for (int i = 0; i < streams && begun < requests; i++, begun++) ask(&all[i]);
    while (done < requests) {
        int n = epoll_wait(epoll, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            struct stream *s = ready[i].data.ptr;
            ssize_t length = read(s->fd, buffer, sizeof buffer);
            if (length <= 0) return perror("read"), 1;
            double when = now();
            events++;
            if (!s->last) ttft[ttfts++] = when - s->sent;
            else if (gaps < GAPS) gap[gaps++] = when - s->last;
            s->last = when;
            if (length >= 5 && !memcmp(buffer + length - 5, "0\r\n\r\n", 5)) {
                done++;
                if (begun < requests) begun++, ask(s);
            }
        }
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec * 1e6 + used.ru_utime.tv_usec + used.ru_stime.tv_sec * 1e6 + used.ru_stime.tv_usec;
    qsort(ttft, ttfts, sizeof *ttft, by_value);
    qsort(gap, gaps, sizeof *gap, by_value);
    printf("{\"ttft_p50\":%.3f,\"ttft_p99\":%.3f,\"gap_p50\":%.3f,\"gap_p99\":%.3f,\"events\":%ld,\"cpu_us_per_event\":%.2f,\"rss_mib\":%.1f}\n",
           at(ttft, ttfts, .5), at(ttft, ttfts, .99), at(gap, gaps, .5), at(gap, gaps, .99), events, cpu / events,
           used.ru_maxrss / 1024.0);
}
