// The core's work without the GIL.
//
// Releasing is safe because the core touches no Python object: what a call was given holds
// references to the arrays whose memory it reads.
#pragma once

#include <pybind11/pybind11.h>

namespace socbi::bindings {

template <class Work>
auto without_gil(Work&& work) {
  const pybind11::gil_scoped_release release;
  return work();
}

}  // namespace socbi::bindings
