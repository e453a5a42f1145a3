/* No chance while the release is built. One crate's parser is generated as it is built, and its tables are written in the order of a hash
 * map, which is another in every process. With this library in front of the C library the seeds of all hash maps are zero, and
 * the tables always the same. It is for builds that have no network: see hack/release-flags. */
#include <string.h>
#include <sys/types.h>

ssize_t getrandom(void *to, size_t size, unsigned flags) {
  (void)flags;
  memset(to, 0, size);
  return (ssize_t)size;
}
