// Python values into spans, vectors into numpy arrays. The only place that knows what an argument
// may look like, and says so when it does not.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "socbi/batch.hpp"

namespace socbi::bindings {

namespace py = pybind11;

/// A wrong dtype or kind of object: becomes socbi.errors.InvalidTypeError.
class InvalidType : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Ids as the caller gave them, without a copy where they are contiguous int64 already. Keeps the
/// array alive; `span` is valid while this is.
class IdArgument {
 public:
  explicit IdArgument(const py::object& ids);
  [[nodiscard]] std::span<const std::int64_t> span() const { return span_; }

 private:
  py::array array_;
  std::span<const std::int64_t> span_;
};

/// Scores as the caller gave them, without a copy where they are contiguous float32 already. Every
/// one is finite.
class ScoreArgument {
 public:
  ScoreArgument(const py::object& scores, const char* name, bool nan_allowed = false);
  [[nodiscard]] std::span<const float> span() const { return span_; }

 private:
  py::array array_;
  std::span<const float> span_;
};

/// A number for all ids or one for each; which it must be as many as.
class ValueArgument {
 public:
  ValueArgument(const py::object& values, const char* name, std::size_t ids);
  [[nodiscard]] Values values() const { return values_; }

 private:
  std::unique_ptr<ScoreArgument> each_;
  Values values_;
};

/// A number of samples, a rank or the like: an integer that is not negative.
std::size_t count_argument(const py::object& value, const char* name);

/// Hands a vector's memory to numpy.
template <class T>
py::array_t<T> to_array(std::vector<T>&& values) {
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  const py::capsule owner(owned.get(),
                          [](void* vector) { delete static_cast<std::vector<T>*>(vector); });
  std::vector<T>* const held = owned.release();
  return py::array_t<T>(static_cast<py::ssize_t>(held->size()), held->data(), owner);
}

}  // namespace socbi::bindings
