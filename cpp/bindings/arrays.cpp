#include "arrays.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "socbi/errors.hpp"

namespace socbi::bindings {

namespace {

std::string dtype_name(const py::array& array) {
  return py::str(py::dtype(array.dtype()));
}

std::string type_name(const py::handle& value) {
  return py::str(py::type::of(value).attr("__name__"));
}

/// What numpy makes of the value; only its word that it cannot is made ours.
py::array numpy_array(const py::object& value, const char* name) {
  if (py::isinstance<py::array>(value)) {
    if (!py::hasattr(value, "mask")) return py::reinterpret_borrow<py::array>(value);
    throw InvalidType(std::string(name) +
                      " must not be a masked array; pass .compressed() or .filled(number)");
  }
  try {
    return py::module_::import("numpy").attr("asarray")(value);
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError) && !error.matches(PyExc_ValueError)) throw;
    throw InvalidType(std::string(name) + " must be an array-like of numbers of one length, got " +
                      type_name(value) + ": " + std::string(py::str(error.value())));
  }
}

/// Anything numpy can make an array of numbers of, in memory that may be read as it is.
py::array as_array(const py::object& value, const char* name) {
  py::array array = numpy_array(value, name);
  if (array.ndim() == 0 && std::string("biufc").find(array.dtype().kind()) == std::string::npos) {
    throw InvalidType(std::string(name) + " must be an array-like of numbers of one length, got " +
                      type_name(value));
  }
  const bool aligned = (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  return aligned ? array : py::array(array.attr("copy")());
}

std::string shape_name(const py::array& array) {
  return std::string(py::str(py::tuple(array.attr("shape"))));
}

void require_one_dimension(const py::array& array, const char* name) {
  if (array.ndim() == 1) return;
  throw std::invalid_argument(
      array.ndim() == 0
          ? std::string(name) + " must be one-dimensional, got a single number; write [x] for one"
          : std::string(name) + " must be one-dimensional, got shape " + shape_name(array) +
                "; flatten it with .ravel()");
}

/// The same array if it is contiguous float32. Others go by way of float64 and are narrowed here,
/// where a number that is too large becomes infinite without numpy warning of it.
py::array to_float32(const py::array& array, const char* name) {
  if (py::isinstance<py::array_t<float, py::array::c_style>>(array)) return array;
  const auto wide = py::array_t<double, py::array::c_style | py::array::forcecast>::ensure(array);
  if (!wide) {
    throw InvalidType(std::string(name) + " of dtype " + dtype_name(array) +
                      " cannot be read as numbers");
  }
  py::array_t<float> narrow(wide.size());
  float* const out = narrow.mutable_data();
  for (py::ssize_t i = 0; i < wide.size(); ++i) out[i] = static_cast<float>(wide.data()[i]);
  return narrow;
}

}  // namespace

IdArgument::IdArgument(const py::object& ids) : array_(as_array(ids, "ids")) {
  require_one_dimension(array_, "ids");
  const char kind = array_.dtype().kind();
  if (kind != 'i' && kind != 'u' && array_.size() != 0) {
    throw InvalidType(kind == 'b'
                          ? "ids must be integers, got a boolean mask; use numpy.flatnonzero(mask)"
                          : "ids must be integers, got dtype " + dtype_name(array_) +
                                "; convert with .astype(numpy.int64) if they are whole");
  }
  if (kind == 'u' && array_.itemsize() == 8) {
    // What int64 cannot hold would come out negative and be named wrongly.
    const auto wide = py::array_t<std::uint64_t, py::array::c_style>::ensure(array_);
    for (py::ssize_t i = 0; i < wide.size(); ++i) {
      if (wide.data()[i] > static_cast<std::uint64_t>(INT64_MAX)) {
        throw UnknownId(static_cast<std::size_t>(i), std::to_string(wide.data()[i]));
      }
    }
  }
  const auto exact =
      py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>::ensure(array_);
  if (!exact) throw InvalidType("ids of dtype " + dtype_name(array_) + " cannot be read as int64");
  array_ = exact;
  span_ = {exact.data(), static_cast<std::size_t>(exact.size())};
}

ScoreArgument::ScoreArgument(const py::object& scores, const char* name, bool nan_allowed)
    : array_(as_array(scores, name)) {
  require_one_dimension(array_, name);
  const char kind = array_.dtype().kind();
  if (kind != 'f' && kind != 'i' && kind != 'u' && array_.size() != 0) {
    throw InvalidType(std::string(name) + " must be real numbers, got dtype " + dtype_name(array_));
  }
  array_ = to_float32(array_, name);
  span_ = {static_cast<const float*>(array_.data()), static_cast<std::size_t>(array_.size())};
  for (std::size_t i = 0; i < span_.size(); ++i) {
    if (std::isfinite(span_[i]) || (nan_allowed && std::isnan(span_[i]))) continue;
    throw std::invalid_argument(std::string(name) + " at position " + std::to_string(i) + " is " +
                                std::to_string(span_[i]) +
                                " as a 32-bit float; scores must be finite (NaN and infinite "
                                "values have no place in an order)");
  }
}

ValueArgument::ValueArgument(const py::object& values, const char* name, std::size_t ids)
    : values_(0.0F) {
  if (PyFloat_CheckExact(values.ptr()) || PyLong_CheckExact(values.ptr())) {
    double exact = PyFloat_AsDouble(values.ptr());
    if (exact == -1.0 && PyErr_Occurred() != nullptr) {  // an integer beyond float64
      PyErr_Clear();
      exact = std::numeric_limits<double>::infinity();
    }
    const auto value = static_cast<float>(exact);
    if (!std::isfinite(value)) {
      throw std::invalid_argument(std::string(name) + " is " + std::to_string(value) +
                                  " as a 32-bit float; it must be finite");
    }
    values_ = Values(value);
    return;
  }
  py::array array = as_array(values, name);
  const bool single = array.ndim() == 0;
  each_ =
      std::make_unique<ScoreArgument>(single ? py::object(array.attr("reshape")(1)) : array, name);
  if (single) {
    values_ = Values(each_->span()[0]);
    return;
  }
  if (each_->span().size() != ids) {
    throw std::invalid_argument(std::string(name) + " has length " +
                                std::to_string(each_->span().size()) + " and ids has length " +
                                std::to_string(ids) +
                                "; give one number for all or one for each id");
  }
  values_ = Values(each_->span());
}

std::size_t count_argument(const py::object& value, const char* name) {
  const auto exact = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  if (!exact || PyBool_Check(value.ptr()) != 0) {
    PyErr_Clear();
    throw InvalidType(std::string(name) + " must be an integer, got " +
                      std::string(py::repr(value)));
  }
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(exact.ptr(), &overflow);
  if (overflow < 0 || (overflow == 0 && number < 0)) {
    throw std::invalid_argument(std::string(name) + " must be at least 0, got " +
                                std::string(py::str(exact)));
  }
  return overflow > 0 ? static_cast<std::size_t>(INT64_MAX) : static_cast<std::size_t>(number);
}

}  // namespace socbi::bindings
