#include "index_class.hpp"
#include "register.hpp"

namespace socbi::bindings {

void register_index(py::module_& module) {
  register_index_class<SemiOrderedIndex>(module, "SemiOrderedIndex");
}

}  // namespace socbi::bindings
