// The atomic score/status table: one entry a sample.
//
// An entry is a score (float, 4 bytes), a place (where the ordering has the sample filed, with the
// protocol's "updating" bit, 4 bytes) and one bit that says whether the sample is in the pool. The
// three lie in arrays of their own: a scan for the best reads scores and nothing else, and the bits
// of 10^7 samples fit into a cache.
//
// The table is the truth; every ordering is derived from its scores and can be thrown away and
// built again.
//
// Thread safety: `plain` members need the access gate held alone (or ids that no other worker has);
// `shared` members may run beside each other. Growing and filling need the gate held alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "socbi/huge_pages.hpp"
#include "socbi/prefetch.hpp"
#include "socbi/score.hpp"
#include "socbi/tuning.hpp"
#include "socbi/update_protocol.hpp"

namespace socbi {

class ScoreTable {
 public:
  using Protocol = UpdateProtocol<std::atomic_ref>;

  explicit ScoreTable(std::size_t size = 0) { grow(size, 0.0F); }

  /// Samples ever seen; ids run from 0 to size() - 1.
  [[nodiscard]] std::size_t size() const noexcept { return scores_.size(); }
  /// Samples in the pool.
  [[nodiscard]] std::size_t alive() const noexcept { return alive_.load(); }

  /// The gate is held, alone or shared.
  [[nodiscard]] bool in_pool(Id id) const noexcept {
    return ((bits_[id / 64] >> (id % 64)) & 1U) != 0;
  }

  // Plain access.
  [[nodiscard]] float* scores() noexcept { return scores_.data(); }
  [[nodiscard]] const float* scores() const noexcept { return scores_.data(); }
  [[nodiscard]] Place* places() noexcept { return places_.data(); }
  [[nodiscard]] const Place* places() const noexcept { return places_.data(); }

  /// Takes a sample out of the pool. Its place stays as it is: whoever meets its entry drops it.
  void remove_plain(Id id) noexcept {
    strike_out(id);
    count_alive(-1);
  }

  /// Takes samples out of the pool, each given once.
  void remove_all_plain(std::span<const std::int64_t> ids) noexcept {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::size_t ahead = std::min(i + tuning::kRemoveDistance, ids.size() - 1);
      fetch_ahead(scores_.data() + ids[ahead]);
      strike_out(static_cast<Id>(ids[i]));
    }
    count_alive(-static_cast<std::ptrdiff_t>(ids.size()));
  }

  /// Puts a sample that is not in the pool back into it, filed nowhere.
  void restore_plain(Id id, float score) noexcept {
    scores_[id] = score;
    places_[id] = Place{0};
    bits_[id / 64] |= std::uint64_t{1} << (id % 64);
    count_alive(1);
  }

  // Shared access.
  [[nodiscard]] std::atomic_ref<float> score(Id id) noexcept {
    return std::atomic_ref(scores_[id]);
  }
  [[nodiscard]] std::atomic_ref<Place> place(Id id) noexcept {
    return std::atomic_ref(places_[id]);
  }

  /// Makes room for `extra` more samples, so that `grow` by that many cannot fail.
  void reserve(std::size_t extra) {
    const std::size_t wanted = size() + extra;
    if (wanted <= reserved_) return;
    // One eighth more than asked: a pool that grows in small steps moves each sample 9 times in
    // all, and never holds more than 12.5% of unused room.
    const std::size_t room = size() == 0 ? wanted : std::max(wanted, size() + size() / 8);
    scores_.reserve(room);
    places_.reserve(room);
    bits_.reserve((room + 63) / 64);
    reserved_ = room;
  }

  /// Appends samples with this score, filed nowhere (place 0).
  void grow(std::size_t extra, float score) {
    reserve(extra);
    const std::size_t begin = size();
    scores_.resize(begin + extra, score);
    places_.resize(begin + extra, Place{0});
    bits_.resize((begin + extra + 63) / 64, 0);
    for (std::size_t id = begin; id < begin + extra; ++id) {
      if (id % 64 == 0 && id + 64 <= begin + extra) {
        bits_[id / 64] = ~std::uint64_t{0};
        id += 63;
      } else {
        bits_[id / 64] |= std::uint64_t{1} << (id % 64);
      }
    }
    alive_.fetch_add(extra);
  }

  void forget_places() noexcept { std::fill(places_.begin(), places_.end(), Place{0}); }

  [[nodiscard]] std::size_t nbytes() const noexcept {
    return scores_.capacity() * sizeof(float) + places_.capacity() * sizeof(Place) +
           bits_.capacity() * sizeof(std::uint64_t);
  }

 private:
  void strike_out(Id id) noexcept {
    scores_[id] = kRemovedScore;
    bits_[id / 64] &= ~(std::uint64_t{1} << (id % 64));
  }

  /// Written alone, so no other write can come between; relaxed: read as a number and no more.
  void count_alive(std::ptrdiff_t more) noexcept {
    alive_.store(alive_.load(std::memory_order_relaxed) + static_cast<std::size_t>(more),
                 std::memory_order_relaxed);
  }

  static_assert(std::atomic_ref<float>::is_always_lock_free &&
                    std::atomic_ref<Place>::is_always_lock_free,
                "the protocol needs atomic words that are not locks in disguise");

  // [size]; shared: std::atomic_ref, sequentially consistent
  std::vector<float, HugePages<float>> scores_;
  std::vector<Place, HugePages<Place>> places_;
  std::vector<std::uint64_t> bits_;    // [size / 64]; written alone, read shared: the gate orders
  std::atomic<std::size_t> alive_{0};  // written alone; read by len() outside of the gate
  std::size_t reserved_ = 0;
};

}  // namespace socbi
