// What the core throws. Positions are those of the caller's batch, so that a message can name the
// first offender. Everything is checked before anything is written (or undone before it is seen).
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace socbi {

/// An id that no sample has.
class UnknownId : public std::out_of_range {
 public:
  /// For an id too large to be one: `id` as it was given.
  UnknownId(std::size_t position, const std::string& id)
      : std::out_of_range("id " + id + " at position " + std::to_string(position) +
                          " is unknown: it is larger than any id") {}
  UnknownId(std::size_t position, std::int64_t id, std::size_t size)
      : std::out_of_range("id " + std::to_string(id) + " at position " + std::to_string(position) +
                          " is unknown: " +
                          (size == 0 ? std::string("the index has no samples")
                                     : "ids run from 0 to " + std::to_string(size - 1))) {}
};

/// An id whose sample was removed or popped.
class RemovedId : public std::out_of_range {
 public:
  RemovedId(std::size_t position, std::int64_t id)
      : std::out_of_range("id " + std::to_string(id) + " at position " + std::to_string(position) +
                          " was removed; bring it back with restore(ids, scores) first") {}
};

/// An id that is in the pool although the call needs one that is not, or is given twice.
class PresentId : public std::invalid_argument {
 public:
  PresentId(std::size_t position, std::int64_t id, const char* why)
      : std::invalid_argument("id " + std::to_string(id) + " at position " +
                              std::to_string(position) + " " + why) {}
};

/// A rank that no sample has.
class NoSuchRank : public std::out_of_range {
 public:
  NoSuchRank(std::size_t rank, std::size_t alive)
      : std::out_of_range("rank " + std::to_string(rank) + " does not exist: " +
                          (alive == 0
                               ? std::string("the pool is empty")
                               : "ranks run from 1, the best, to " + std::to_string(alive))) {}
};

/// A sum that left the range of a 32-bit float.
class ScoreOverflow : public std::invalid_argument {
 public:
  ScoreOverflow(std::size_t position, std::int64_t id)
      : std::invalid_argument("adding to id " + std::to_string(id) + " at position " +
                              std::to_string(position) +
                              " gives a score beyond the range of float32 (about 3.4e38); rescale "
                              "the scores") {}
};

}  // namespace socbi
