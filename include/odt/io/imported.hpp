// SPDX-License-Identifier: MIT
// Functions of libraries that are loaded when first needed, so that a program runs where they are not.
#pragma once

#include <dlfcn.h>

namespace odt::detail {

/// A function of a library, with the type that its header gives it.
template <class Function>
struct imported {
  imported(void* library, const char* name)
      : call(library ? reinterpret_cast<Function*>(::dlsym(library, name)) : nullptr) {}

  template <class... Arguments>
  auto operator()(Arguments... arguments) const {
    return call(arguments...);
  }

  Function* call;
};

}  // namespace odt::detail
