// SPDX-License-Identifier: MIT
// The packaged bin/odt: becomes lib/odt/odt-<level> of the highest x86-64 level that this processor has, or of the one
// that the environment variable ODT_ARCH names.
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

struct level {
  const char* name;
  bool supported;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "odt: error: %s\n", what.c_str());
  std::exit(1);
}

/// The directory above that of this program; /proc, which says it too, is not everywhere.
std::string prefix() {
  char* self = realpath(reinterpret_cast<const char*>(getauxval(AT_EXECFN)), nullptr);
  if (!self) fail("where this program lies is not known");
  std::string path = self;
  std::free(self);
  for (int i = 0; i < 2; ++i) path.erase(path.rfind('/'));
  return path;
}

}  // namespace

int main(int, char** argv) {
  __builtin_cpu_init();
  const level levels[] = {{"x86-64-v4", __builtin_cpu_supports("x86-64-v4") != 0},
                          {"x86-64-v3", __builtin_cpu_supports("x86-64-v3") != 0},
                          {"x86-64-v2", __builtin_cpu_supports("x86-64-v2") != 0}};
  const char* set = std::getenv("ODT_ARCH");
  const std::string wanted = set ? set : "";
  for (const level& each : levels) {
    if (wanted.empty() ? !each.supported : wanted != each.name) continue;
    if (!each.supported) fail("ODT_ARCH=" + wanted + ": this processor lacks instructions of that level");
    const std::string program = prefix() + "/lib/odt/odt-" + each.name;
    execv(program.c_str(), argv);
    if (!wanted.empty() || errno != ENOENT) fail(program + ": " + std::strerror(errno));
  }
  if (!wanted.empty()) fail("ODT_ARCH=" + wanted + " is not known; there are x86-64-v2, x86-64-v3, x86-64-v4");
  fail("this processor is below x86-64-v2 (it lacks SSE4.2 or POPCNT), or no program is in " + prefix() + "/lib/odt");
}
