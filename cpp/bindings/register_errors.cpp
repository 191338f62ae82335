// C++ exceptions into the classes of socbi.errors.
#include <pybind11/pybind11.h>

#include <exception>
#include <new>
#include <stdexcept>

#include "arrays.hpp"
#include "register.hpp"
#include "socbi/errors.hpp"

namespace socbi::bindings {

namespace {

void raise(const char* name, const std::exception& error) {
  const auto type = pybind11::module_::import("socbi.errors").attr(name);
  PyErr_SetString(type.ptr(), error.what());
}

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(std::move(thrown));
  } catch (const UnknownId& error) {
    raise("UnknownIdError", error);
  } catch (const RemovedId& error) {
    raise("RemovedIdError", error);
  } catch (const InvalidType& error) {
    raise("InvalidTypeError", error);
  } catch (const NoSuchRank& error) {
    raise("RankError", error);
  } catch (const std::invalid_argument& error) {
    raise("InvalidInputError", error);
  } catch (const std::length_error& error) {
    raise("InvalidInputError", error);
  }
}

}  // namespace

void register_errors() {
  pybind11::register_local_exception_translator(&translate);
}

}  // namespace socbi::bindings
