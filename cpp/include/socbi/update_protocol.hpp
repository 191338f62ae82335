// Algorithm 1 of the So-CBI paper: how threads that update one sample at once agree on who moves
// it.
//
// The table holds two words a sample: its score, and its place (where the list has it filed) with
// one bit that says that some thread is moving it now. Whoever changes a score then settles it:
//
//   1. change the score, atomically;
//   2. claim: set the "updating" bit; if it is set already, leave: the change is handed over to the
//      thread that set it;
//   3. read the score and move the sample to where that score belongs;
//   4. release: store the new place without the bit;
//   5. read the score again; if it differs from the one the sample was moved for, go to 2.
//
// The paper prints step 5 before step 4 and thereby loses updates: a thread that changes the score
// between the two sees the bit, leaves, and nobody looks again. With 5 after 4 there is a total
// order in which either the changer's step 2 sees the bit cleared (and claims), or the owner's
// step 5 sees the changed score. That needs a single total order of one thread's write to `score`
// and read of `place` with another's write to `place` and read of `score` (the store-buffering
// pattern), which acquire and release do not give: every operation here is sequentially
// consistent. On x86-64 that costs one locked store a *moved* sample and nothing otherwise.
//
// Removal is a score like any other (+infinity, which no addition changes), so a removed sample
// needs no bit of its own and cannot be brought back by a move that was under way.
//
// `Ref<T>` is std::atomic_ref<T>, or in the tests a type that lets a scheduler run every
// interleaving of these steps.
#pragma once

#include <atomic>
#include <cstdint>

#include "socbi/score.hpp"
#include "socbi/tuning.hpp"

namespace socbi {

/// Where the list has a sample filed. The highest bit is free for the protocol.
using Place = std::uint32_t;
inline constexpr Place kUpdatingBit = Place{1} << 31;

enum class Settled : std::uint8_t { kMoved, kHandedOver, kQueued };

template <template <class> class Ref>
class UpdateProtocol {
 public:
  // Scores and sums handed in are finite: the door refuses what is not (+infinity would be a
  // removal that nobody counts, NaN would never compare equal).

  /// Adds to a score; returns what it was. A removed sample stays removed.
  static float add(Ref<float> score, float delta) {
    float was = score.load();
    while (was != kRemovedScore && !score.compare_exchange_weak(was, was + delta)) {
    }
    return was;
  }

  /// Replaces a score; returns what it was. A removed sample stays removed.
  static float set(Ref<float> score, float value) {
    float was = score.load();
    while (was != kRemovedScore && !score.compare_exchange_weak(was, value)) {
    }
    return was;
  }

  /// Takes a sample out; true for exactly one of the callers that try at once.
  static bool remove(Ref<float> score) { return set(score, kRemovedScore) != kRemovedScore; }

  /// Called after a score changed: sees to it that the sample is moved to where it now belongs, by
  /// this thread or by the one that is moving it already. `Mover` has two calls, both noexcept:
  ///   Place move(Place from, float score)   files the sample for that score, says where;
  ///   Place queue(Place from)               files it where any score is right.
  template <class Mover>
  static Settled settle(Ref<float> score, Ref<Place> place, Mover& mover) {
    for (int redo = 0; redo < tuning::kRedoLimit; ++redo) {
      Place from = place.load();
      if (!claim(place, from)) return Settled::kHandedOver;
      const float moved_for = score.load();
      place.store(mover.move(from, moved_for));
      if (score.load() == moved_for) return Settled::kMoved;
    }
    Place from = place.load();
    if (!claim(place, from)) return Settled::kHandedOver;
    place.store(mover.queue(from));
    return Settled::kQueued;
  }

 private:
  static bool claim(Ref<Place> place, Place& from) {
    do {
      if ((from & kUpdatingBit) != 0) return false;
    } while (!place.compare_exchange_weak(from, from | kUpdatingBit));
    return true;
  }
};

}  // namespace socbi
