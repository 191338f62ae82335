// ConcurrentBTree: a B+-tree that is a set of unique 64-bit keys, for many writers at once.
//
// What it is. The ordered rival of the semi-ordered index: every key has its exact place at every
// moment. Keys live in sorted leaves; inner nodes hold separators and children. Each node carries
// one version word (optimistic lock coupling): a descent writes nothing to shared memory, it reads
// a version, reads the node, and reads the version again; only the leaf that changes is locked, and
// its parent too where a node is split, merged or shared out.
//
// Promises.
//   - insert and erase are linearizable: of several calls with one key, they succeed in
//   alternation.
//   - If insert or bulk_load throws std::bad_alloc, the set holds what it held, every invariant
//   stands
//     and no lock is held (nodes are taken before the first lock). erase never allocates.
//   - Every node but the root is at least a quarter full, so memory is bounded by the keys held at
//   the
//     worst moment since the last clear(); emptied nodes are used again.
//
// Threads. With kConcurrent = true, insert, erase and contains may run from any number of threads
// at once, together with size() and nbytes(). With kConcurrent = false the caller is alone: no
// version word is touched. Everything else (construction, bulk_load, visit_ascending, clear, check)
// needs the caller alone; visit_ascending and check may run beside each other. Handing the tree
// from one regime to the other needs an ordinary happens-before, such as a join.
//
// Caveats.
//   - It waits: a thread stopped while it holds a leaf stalls those who want that leaf (they
//   yield).
//   - Memory is given back by clear() and by the destructor only.
//   - size() beside writers is a sum over stripes, not a snapshot; at rest it is exact.
//   - Numbers (2-core virtual machine, AMD EPYC, g++ 12 -O3 -DNDEBUG, medians): the pair erase +
//     insert of random keys, n = 10^5 / 10^6 / 10^7, takes 101 / 197 / 568 ns alone and
//     134 / 262 / 793 ns in the concurrent case on one thread; absl::btree_set in the same runs
//     149 / 239 / 772 ns. Two threads do 1.9 to 2.0 times as much as one while the machine is
//     quiet. Memory: 10 bytes a key after bulk_load, up to 18 once keys have been replaced.
//   - Threads that write neighbouring keys meet in one leaf, and there they take turns.
//
// Use.
//     socbi::baselines::ConcurrentBTree tree;
//     tree.bulk_load(sorted_keys);                       // strictly ascending
//     // from many threads:
//     if (tree.erase<true>(old_key)) tree.insert<true>(new_key);
//     // alone again:
//     std::vector<std::uint64_t> smallest;
//     tree.visit_ascending([&](std::uint64_t key) {
//       smallest.push_back(key);
//       return smallest.size() < 128;
//     });
//     assert(tree.check().empty());

#ifndef SOCBI_BASELINES_CONCURRENT_BTREE_HPP
#define SOCBI_BASELINES_CONCURRENT_BTREE_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace socbi::baselines {

namespace concurrent_btree_detail {

// ---------------------------------------------------------------------------------------------------
// Memory orders. All of the tree's concurrency rests on the five accesses below and on the pool's
// mutex.
//
//   reader  R1  version load, acquire        pairs with W3: sees all that the last writer stored
//           R2  data loads, acquire          pair with W2
//           R3  version load, relaxed        must equal R1
//   writer  W1  version CAS, acquire         pairs with W3 of the writer before
//           W2  data stores, release         pair with R2
//           W3  version store, release       pairs with R1 and W1
//
// Why R3 may be relaxed: if any R2 took its value from a W2 of a writer later than the version of
// R1, that W2 synchronizes with R2, the writer's W1 precedes its W2, so W1 happens before R3 and R3
// must read W1's locked word or a later one. Words only grow where data has changed, so R3 differs
// from R1. W1 that succeeds on the word of R1 is R3 and the lock in one step, by the same argument.
// Stand-alone fences would allow relaxed R2 and W2; ThreadSanitizer does not understand them, and
// on x86 the acquire loads and release stores are plain moves, so there is nothing to win.
// ---------------------------------------------------------------------------------------------------

using Version =
    std::atomic<std::uint64_t>;  // bit 0: locked; the rest: how often the node has changed

inline void relax_processor() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

inline void prefetch_line(const void* address) noexcept {
#if defined(__GNUC__)
  __builtin_prefetch(address);
#else
  (void)address;
#endif
}

// Waits longer with every failed attempt of one call. A critical section here is tens of
// nanoseconds; whoever still fails after about 60 pauses is waiting for a thread that does not run,
// and must yield.
class Backoff {
 public:
  void wait() noexcept {
    if (attempt_ < kSpinningAttempts) {
      for (unsigned i = 0; i < (1U << attempt_); ++i) relax_processor();
      ++attempt_;
    } else {
      std::this_thread::yield();
    }
  }

 private:
  static constexpr unsigned kSpinningAttempts = 6;
  unsigned attempt_ = 0;
};

// R2, or a plain load where the caller is alone. atomic_ref<const T> is not C++20, hence the cast.
template <bool kConcurrent, class T>
[[nodiscard]] inline T load(const T& field) noexcept {
  if constexpr (kConcurrent) {
    return std::atomic_ref<T>(const_cast<T&>(field))
        .load(std::memory_order_acquire);  // pairs with W2
  } else {
    return field;
  }
}

// A load by the thread that holds the node's lock. Relaxed: W1 has ordered it after all stores it
// can see. Not plain: others hold atomic_refs to the field, so all accesses must go through one.
template <bool kConcurrent, class T>
[[nodiscard]] inline T load_locked(const T& field) noexcept {
  if constexpr (kConcurrent) {
    return std::atomic_ref<T>(const_cast<T&>(field)).load(std::memory_order_relaxed);
  } else {
    return field;
  }
}

// W2, or a plain store where the caller is alone.
template <bool kConcurrent, class T>
inline void store(T& field, T value) noexcept {
  if constexpr (kConcurrent) {
    std::atomic_ref<T>(field).store(value, std::memory_order_release);  // pairs with R2
  } else {
    field = value;
  }
}

// Puts `value` at `position` of array[0, count): the rest moves up by one.
template <bool kConcurrent, class T>
inline void insert_at(T* array, std::size_t count, std::size_t position, T value) noexcept {
  if constexpr (kConcurrent) {
    for (std::size_t i = count; i > position; --i) {
      store<true>(array[i], load_locked<true>(array[i - 1]));
    }
    store<true>(array[position], value);
  } else {
    std::memmove(array + position + 1, array + position, (count - position) * sizeof(T));
    array[position] = value;
  }
}

// Takes array[position] out of array[0, count) and puts `filler` behind what is left.
template <bool kConcurrent, class T>
inline void erase_at(T* array, std::size_t count, std::size_t position, T filler) noexcept {
  if constexpr (kConcurrent) {
    for (std::size_t i = position + 1; i < count; ++i) {
      store<true>(array[i - 1], load_locked<true>(array[i]));
    }
    store<true>(array[count - 1], filler);
  } else {
    std::memmove(array + position, array + position + 1, (count - position - 1) * sizeof(T));
    array[count - 1] = filler;
  }
}

// Unused key slots hold this, so that a search needs neither the count nor a bound. It may be a
// key, too: a lower bound then stops at the first of the equals, which is the key itself where it
// exists.
inline constexpr std::uint64_t kPadding = std::numeric_limits<std::uint64_t>::max();

// The first position whose key is not less than `key`; kCount if there is none. Without branches,
// and the same number of steps for every fill: the outcome of a search in random keys cannot be
// predicted.
template <bool kConcurrent, std::size_t kCount>
[[nodiscard]] inline std::size_t lower_bound(const std::uint64_t* keys,
                                             std::uint64_t key) noexcept {
  constexpr std::size_t kGroup = 8;  // one cache line of keys
  if constexpr (kCount < 2 * kGroup) {
    std::size_t first = 0;
    for (std::size_t unknown = kCount; unknown > 0; unknown /= 2) {
      const std::size_t half = (unknown + 1) / 2;
      first += (load<kConcurrent>(keys[first + half - 1]) < key) * half;
    }
    return first;
  } else {
    // Counts the groups that end below `key`, then the keys within one group. More comparisons than
    // a binary search, but two dependent steps instead of six, and the loads of the first step
    // bring in all lines of the node at once. Do not simplify: with a binary search the pair erase
    // + insert at n = 10^6 took 1.1 times as long alone, and 1.5 times in the concurrent case.
    std::size_t group = 0;
    for (std::size_t last = kGroup - 1; last < kCount; last += kGroup) {
      group += load<kConcurrent>(keys[last]) < key;
    }
    const std::size_t first = std::min(group * kGroup, kCount - (kGroup - 1));
    std::size_t position = first;
    for (std::size_t i = 0; i < kGroup - 1; ++i) {
      position += load<kConcurrent>(keys[first + i]) < key;
    }
    return position;
  }
}

// R1. False if a writer still holds the node after a short wait; the caller starts again.
template <bool kConcurrent>
[[nodiscard]] inline bool observe(const Version& word, std::uint64_t& version) noexcept {
  if constexpr (kConcurrent) {
    constexpr int kPauses = 16;  // about one critical section of a full leaf
    for (int i = 0; i < kPauses; ++i) {
      version = word.load(std::memory_order_acquire);  // R1, pairs with W3
      if ((version & 1) == 0) return true;
      relax_processor();
    }
    return false;
  } else {
    version = 0;
    return true;
  }
}

// R3. True if nothing that was read since observe() has changed.
template <bool kConcurrent>
[[nodiscard]] inline bool unchanged(const Version& word, std::uint64_t version) noexcept {
  if constexpr (kConcurrent) {
    return word.load(std::memory_order_relaxed) == version;  // R3, see the argument above
  } else {
    return true;
  }
}

// Holds one node for writing. Taken by trying only: nobody ever waits for a lock while holding one,
// so there is no lock order to keep and no deadlock; who fails lets go of everything and starts
// again.
template <bool kConcurrent>
class WriteLock {
 public:
  WriteLock(Version& word, std::uint64_t expected) noexcept : word_(&word), version_(expected) {
    if (!word.compare_exchange_strong(expected, expected | 1,
                                      std::memory_order_acquire,     // W1, pairs with W3
                                      std::memory_order_relaxed)) {  // failure reads nothing else
      word_ = nullptr;
    }
  }
  ~WriteLock() {
    if (word_ != nullptr)
      word_->store(version_ + 2, std::memory_order_release);  // W3, pairs with R1, W1
  }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

  [[nodiscard]] explicit operator bool() const noexcept { return word_ != nullptr; }

  // Lets go of a node that was not written: its readers need not start again.
  void abandon() noexcept {
    if (word_ != nullptr)
      word_->store(version_, std::memory_order_release);  // W3, pairs with R1, W1
    word_ = nullptr;
  }

 private:
  Version* word_;
  std::uint64_t version_;
};

template <>
class WriteLock<false> {
 public:
  WriteLock(Version&, std::uint64_t) noexcept {}
  [[nodiscard]] explicit operator bool() const noexcept { return true; }
  void abandon() noexcept {}
};

struct Node {
  Version version{0};  // guards everything else in the node, and lives as long as the memory does
  std::uint32_t count = 0;  // keys in use; guarded by version
};

// All nodes of one type. Memory is type-stable: a node that leaves the tree goes to the free list
// and may come back as another node of the same type, but it stays mapped, and its version goes on
// growing, until free_all(). So an optimistic reader with an outdated pointer reads a live node of
// the expected type, and cannot be deceived: the writer that unlinked the node held its lock, W3
// made the version greater than any such reader's, and no later owner makes it smaller. No epochs,
// no hazard pointers.
template <class NodeType, class Allocator>
class NodePool {
 public:
  // `seed`: a node that belongs to somebody else and is in use now; it may be put() here later.
  explicit NodePool(NodeType* seed) noexcept : seed_(seed), total_(seed != nullptr ? 1 : 0) {}
  ~NodePool() { free_all(); }
  NodePool(const NodePool&) = delete;
  NodePool& operator=(const NodePool&) = delete;

  // Throws std::bad_alloc, and then nothing has changed.
  [[nodiscard]] NodeType* take() {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (free_.empty()) grow(std::clamp(total_ / 8, kSmallestSlab, kLargestSlab));
    NodeType* node = free_.back();
    free_.pop_back();
    return node;
  }

  // Never allocates: free_ has room for every node there is.
  void put(NodeType* node) noexcept {
    const std::lock_guard<std::mutex> guard(mutex_);
    free_.push_back(node);
  }

  // After this and recall_all(), `count` nodes can be taken without a throw. Caller alone.
  void provide(std::size_t count) {
    if (count > total_) grow(count - total_);
    if (free_.capacity() < total_) free_.reserve(total_);
  }

  // Declares every node free, the seed included; provide() has made the room. Caller alone.
  void recall_all() noexcept {
    free_.clear();
    for (auto slab = slabs_.rbegin(); slab != slabs_.rend(); ++slab) {
      for (std::size_t i = slab->count; i > 0; --i) free_.push_back(slab->nodes + (i - 1));
    }
    if (seed_ != nullptr) free_.push_back(seed_);
  }

  // Gives all memory back and declares the seed in use. Caller alone.
  void free_all() noexcept {
    NodeAllocator allocator;
    for (const Slab& slab : slabs_) {
      std::destroy_n(slab.nodes, slab.count);
      std::allocator_traits<NodeAllocator>::deallocate(allocator, slab.nodes, slab.count);
    }
    SlabList().swap(slabs_);
    FreeList().swap(free_);
    total_ = seed_ != nullptr ? 1 : 0;
  }

  // Nodes outside the free list.
  [[nodiscard]] std::size_t in_use() const {
    const std::lock_guard<std::mutex> guard(mutex_);
    return total_ - free_.size();
  }

  [[nodiscard]] std::size_t nbytes() const {
    const std::lock_guard<std::mutex> guard(mutex_);
    std::size_t bytes = free_.capacity() * sizeof(NodeType*) + slabs_.capacity() * sizeof(Slab);
    for (const Slab& slab : slabs_) bytes += slab.count * sizeof(NodeType);
    return bytes;
  }

 private:
  struct Slab {
    NodeType* nodes;
    std::size_t count;
  };
  template <class T>
  using Rebound = typename std::allocator_traits<Allocator>::template rebind_alloc<T>;
  using NodeAllocator = Rebound<NodeType>;
  using FreeList = std::vector<NodeType*, Rebound<NodeType*>>;
  using SlabList = std::vector<Slab, Rebound<Slab>>;

  // A slab adds an eighth: at most 12.5% of the memory lies idle, and slabs are few. The largest is
  // about 2 MiB, one huge page.
  static constexpr std::size_t kSmallestSlab = 4;
  static constexpr std::size_t kLargestSlab =
      std::max<std::size_t>(kSmallestSlab, (2U << 20) / sizeof(NodeType));

  void grow(std::size_t count) {
    if (free_.capacity() < total_ + count)
      free_.reserve(std::max(total_ + count, total_ + total_ / 2));
    if (slabs_.size() == slabs_.capacity()) slabs_.reserve(2 * slabs_.size() + 1);
    NodeAllocator allocator;
    NodeType* nodes = std::allocator_traits<NodeAllocator>::allocate(allocator, count);
    std::uninitialized_value_construct_n(nodes, count);  // noexcept from here on
    slabs_.push_back({nodes, count});
    for (std::size_t i = count; i > 0; --i)
      free_.push_back(nodes + (i - 1));  // taken in address order
    total_ += count;
  }

  mutable std::mutex mutex_;  // guards all below; its holder takes no other lock
  NodeType* const seed_;
  std::size_t total_;
  FreeList free_;
  SlabList slabs_;
};

// A node out of the pool that goes back unless it is kept.
template <class Pool>
class Loan {
 public:
  explicit Loan(Pool& pool) noexcept : pool_(pool) {}
  ~Loan() {
    if (node_ != nullptr) pool_.put(node_);
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  void take() { node_ = pool_.take(); }
  [[nodiscard]] auto* get() const noexcept { return node_; }
  void keep() noexcept { node_ = nullptr; }
  void give(decltype(std::declval<Pool&>().take()) node) noexcept { node_ = node; }

 private:
  Pool& pool_;
  decltype(std::declval<Pool&>().take()) node_ = nullptr;
};

}  // namespace concurrent_btree_detail

// kLeafKeys and kInnerKeys: how many keys a node holds at most; ConcurrentBTree below has the tuned
// sizes. Tests use tiny nodes so that splits and merges are common, and an allocator that fails on
// demand (default-constructible, stateless).
template <std::size_t kLeafKeys, std::size_t kInnerKeys,
          class Allocator = std::allocator<std::byte>>
class BasicConcurrentBTree {
 public:
  BasicConcurrentBTree() noexcept : leaves_(&first_leaf_), inners_(nullptr) { plant_empty_root(); }
  ~BasicConcurrentBTree() = default;
  BasicConcurrentBTree(const BasicConcurrentBTree&) = delete;
  BasicConcurrentBTree& operator=(const BasicConcurrentBTree&) = delete;

  // Replaces the content by `sorted`, which must be strictly ascending. Leaves are filled to about
  // 90%. Caller alone. O(n).
  void bulk_load(std::span<const std::uint64_t> sorted);

  // True if `key` was absent and is now present. O(log n).
  template <bool kConcurrent>
  bool insert(std::uint64_t key);

  // True if `key` was present and is now absent. O(log n).
  template <bool kConcurrent>
  bool erase(std::uint64_t key);

  template <bool kConcurrent>
  [[nodiscard]] bool contains(std::uint64_t key) const;

  // Calls visit(key) in ascending order from the smallest key until it returns false.
  // No writer may run meanwhile. O(log n + keys visited).
  template <class Visit>
  void visit_ascending(Visit&& visit) const {
    (void)visit_below(root_.node, root_.level, visit);
  }

  // Exact at rest. Beside writers: counts every call that returned before, and perhaps others.
  [[nodiscard]] std::size_t size() const noexcept {
    std::int64_t sum = 0;
    // Relaxed: at rest the caller's own synchronization with the writers has made the stripes
    // visible.
    for (const Stripe& stripe : stripes_) sum += stripe.keys.load(std::memory_order_relaxed);
    return static_cast<std::size_t>(std::max<std::int64_t>(sum, 0));
  }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  // Bytes allocated, nodes in reserve and this object included.
  [[nodiscard]] std::size_t nbytes() const {
    return sizeof(*this) + leaves_.nbytes() + inners_.nbytes();
  }

  // Empties the set and gives the memory back. Caller alone.
  void clear() noexcept {
    leaves_.free_all();
    inners_.free_all();
    plant_empty_root();
  }

  // Empty if every structural invariant holds, else a sentence on the first violation. Caller
  // alone. O(n).
  [[nodiscard]] std::string check() const;

 private:
  using Node = concurrent_btree_detail::Node;
  using Version = concurrent_btree_detail::Version;
  template <bool kConcurrent>
  using WriteLock = concurrent_btree_detail::WriteLock<kConcurrent>;
  static constexpr std::uint64_t kPadding = concurrent_btree_detail::kPadding;

  // kMin and kMerge. Below a quarter a node is merged with a neighbour if together they fill no
  // more than three quarters, else the two share evenly. Wide apart, so that a node that was just
  // split, merged or shared can take or lose an eighth of its capacity before it is touched again.
  // Why not free-at-empty, which needs no neighbour: leaves run emptier under random erase + insert
  // (merging only at one key left, n = 200,000, each key replaced 20 times: 20.0 bytes a key
  // against 17.9), and every cache miss then brings fewer keys. Limits of 3/8 and 7/8 hold 16.0
  // bytes a key, and were not faster.
  struct alignas(64) Leaf : Node {
    static constexpr std::size_t kCapacity = kLeafKeys;
    static constexpr std::size_t kMin = kCapacity / 4;
    static constexpr std::size_t kMerge = std::max(kCapacity * 3 / 4, 2 * kMin + 1);
    static constexpr std::size_t kMovesUp = 0;  // keys that a split takes out of the node

    std::array<std::uint64_t, kCapacity> keys{};  // ascending, then padding; guarded by version
  };
  // Child i holds the keys k with keys[i - 1] < k <= keys[i]: a lower bound among the separators is
  // the slot of the child, padding included.
  struct alignas(64) Inner : Node {
    static constexpr std::size_t kCapacity = kInnerKeys;
    static constexpr std::size_t kMin = kCapacity / 4;
    static constexpr std::size_t kMerge = std::max(kCapacity * 3 / 4, 2 * kMin + 2);
    static constexpr std::size_t kMovesUp = 1;

    std::array<std::uint64_t, kCapacity> keys{};  // ascending, then padding; guarded by version
    std::array<Node*, kCapacity + 1> children{};  // count + 1 in use; guarded by version
  };
  static_assert(
      kLeafKeys != 62 || (sizeof(Leaf) == 512 && (kInnerKeys != 62 || sizeof(Inner) == 1024)),
      "the tuned sizes fill whole cache lines; a new field costs a key or another line: measure");
  static_assert(kLeafKeys >= 4 && kInnerKeys >= 4, "a quarter must be at least one key");
  static_assert(Leaf::kMerge <= Leaf::kCapacity && Inner::kMerge <= Inner::kCapacity,
                "a merged node must fit");
  static_assert((Leaf::kMerge + 1) / 2 > Leaf::kMin && Inner::kMerge / 2 > Inner::kMin,
                "two nodes that shared must both be able to lose a key, or erase would never end");

  struct alignas(64) Root {
    Version version{0};
    Node* node = nullptr;     // guarded by version
    std::uint32_t level = 0;  // of node; 0 is a leaf; guarded by version
  };
  struct alignas(128) Stripe {
    std::atomic<std::int64_t> keys{0};  // inserted less erased by the threads of this stripe
  };
  using LeafPool = concurrent_btree_detail::NodePool<Leaf, Allocator>;
  using InnerPool = concurrent_btree_detail::NodePool<Inner, Allocator>;

  enum class Outcome { kDone, kNothingToDo, kStructure, kRetry };

  // One inner node or leaf seen by a descent, and the way it was reached.
  struct Seen {
    Node* node = nullptr;
    std::uint64_t version = 0;
  };

  template <bool kConcurrent>
  [[nodiscard]] bool descend(std::uint64_t key, Seen& leaf, bool& leaf_is_root) const noexcept;
  template <bool kConcurrent>
  [[nodiscard]] Outcome try_insert(std::uint64_t key) noexcept;
  template <bool kConcurrent>
  [[nodiscard]] Outcome try_erase(std::uint64_t key) noexcept;

  template <bool kConcurrent>
  bool make_room(std::uint64_t key);
  template <bool kConcurrent>
  bool make_surplus(std::uint64_t key) noexcept;

  // Path of one structural change: `node` in `slot` of `parent`; parent.node is null at the root.
  struct Step {
    Seen parent;
    std::size_t slot = 0;
    Seen node;
  };
  template <bool kConcurrent, class NodeType>
  bool split(const Step& step, std::uint64_t key);
  template <bool kConcurrent, class NodeType>
  bool rebalance(const Step& step) noexcept;
  template <bool kConcurrent>
  bool lower_root(const Step& step) noexcept;

  // What one or two nodes of a kind hold, in order, while it is dealt out anew. Of inner nodes,
  // child i stands left of key i; the separator between two of them is one of the keys.
  struct Content {
    std::array<std::uint64_t, 2 * std::max(kLeafKeys, kInnerKeys) + 1> keys;
    std::array<Node*, 2 * kInnerKeys + 2> children;
    std::size_t count = 0;
  };
  template <bool kConcurrent, class NodeType>
  static void gather(const NodeType& node, Content& content) noexcept;
  template <bool kConcurrent, class NodeType>
  static void assign(NodeType& node, const Content& content, std::size_t first,
                     std::size_t count) noexcept;
  template <bool kConcurrent>
  void link_right(Inner* parent, std::size_t slot, Node* left, std::uint64_t separator, Node* right,
                  Inner* new_root) noexcept;
  template <bool kConcurrent>
  static void unlink_right(Inner& parent, std::size_t left_slot) noexcept;
  template <class NodeType>
  auto& pool() noexcept {
    if constexpr (std::is_same_v<NodeType, Leaf>) {
      return leaves_;
    } else {
      return inners_;
    }
  }

  template <bool kConcurrent>
  void count_keys(std::int64_t difference) noexcept {
    if constexpr (kConcurrent) {
      // Relaxed: a tally, it publishes nothing.
      stripes_[own_stripe()].keys.fetch_add(difference, std::memory_order_relaxed);
    } else {
      auto& keys = stripes_[0].keys;
      keys.store(keys.load(std::memory_order_relaxed) + difference, std::memory_order_relaxed);
    }
  }
  static std::size_t own_stripe() noexcept {
    static std::atomic<std::size_t> next{0};
    thread_local const std::size_t own = next.fetch_add(1, std::memory_order_relaxed) % kStripes;
    return own;
  }
  void plant_empty_root() noexcept {
    first_leaf_.keys.fill(kPadding);
    first_leaf_.count = 0;
    root_.node = &first_leaf_;
    root_.level = 0;
    set_size(0);
  }
  void set_size(std::size_t size) noexcept {
    for (Stripe& stripe : stripes_) stripe.keys.store(0, std::memory_order_relaxed);
    stripes_[0].keys.store(static_cast<std::int64_t>(size), std::memory_order_relaxed);
  }

  template <class Visit>
  static bool visit_below(const Node* node, std::uint32_t level, Visit& visit) {
    if (level == 0) {
      const auto& leaf = *static_cast<const Leaf*>(node);
      for (std::size_t i = 0; i < leaf.count; ++i) {
        if (!visit(leaf.keys[i])) return false;
      }
      return true;
    }
    const auto& inner = *static_cast<const Inner*>(node);
    for (std::size_t i = 0; i <= inner.count; ++i) {
      if (!visit_below(inner.children[i], level - 1, visit)) return false;
    }
    return true;
  }

  struct Census {
    std::size_t leaves = 0;
    std::size_t inners = 0;
    std::size_t keys = 0;
  };
  std::string check_below(const Node* node, std::uint32_t level, const std::uint64_t* above,
                          std::uint64_t most, Census& census) const;

  // For 20 to 32 threads, a pair of cache lines each (processors fetch lines in pairs): a single
  // counter would be the one word that all writers fight for. More threads than stripes are right,
  // only slower.
  static constexpr std::size_t kStripes = 32;

  Root root_;
  Leaf first_leaf_;  // an empty tree needs no allocation; later a node like any other
  std::array<Stripe, kStripes> stripes_;
  LeafPool leaves_;
  InnerPool inners_;
};

// Sized for random erase + insert at n = 10^5 to 10^7, on one thread and on several: with the 16
// bytes of version and count, 62 keys make a leaf of 8 cache lines and an inner node of 16. Leaves
// of 30 keys were up to 1.1 times slower; 94 and 126 were no faster, move more keys per write and
// let more threads meet in a leaf. Inner nodes of 126 keys made no difference.
using ConcurrentBTree = BasicConcurrentBTree<62, 62>;

// ---------------------------------------------------------------------------------------------------
// Descent.

// Finds the leaf where `key` belongs. False: something changed on the way, start again.
template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
inline bool BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::descend(
    std::uint64_t key, Seen& leaf, bool& leaf_is_root) const noexcept {
  namespace detail = concurrent_btree_detail;
  const Version* above = &root_.version;
  std::uint64_t above_version = 0;
  if (!detail::observe<kConcurrent>(*above, above_version)) return false;
  Node* node = detail::load<kConcurrent>(root_.node);
  std::uint32_t level = detail::load<kConcurrent>(root_.level);
  leaf_is_root = level == 0;
  for (;;) {
    // The pointer must be proven before it is followed; and once the node's version is known, it
    // must be proven again that the node was still in the tree, with this range of keys, when it
    // had that version.
    if (!detail::unchanged<kConcurrent>(*above, above_version)) return false;
    std::uint64_t version = 0;
    if (!detail::observe<kConcurrent>(node->version, version)) return false;
    if (!detail::unchanged<kConcurrent>(*above, above_version)) return false;
    if (level == 0) {
      leaf = {node, version};
      return true;
    }
    const auto& inner = *static_cast<const Inner*>(node);
    const std::size_t slot = detail::lower_bound<kConcurrent, kInnerKeys>(inner.keys.data(), key);
    above = &node->version;
    above_version = version;
    node = detail::load<kConcurrent>(inner.children[slot]);
    --level;
    if (level == 0) {
      // All lines of the leaf at once: in a large tree this is where the time goes. The pointer is
      // not proven yet, but a prefetch of any address is harmless.
      const auto* bytes = reinterpret_cast<const std::byte*>(node);
      for (std::size_t i = 0; i < sizeof(Leaf); i += 64) detail::prefetch_line(bytes + i);
    }
  }
}

template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
bool BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::contains(std::uint64_t key) const {
  namespace detail = concurrent_btree_detail;
  for (detail::Backoff backoff;; backoff.wait()) {
    Seen seen;
    bool is_root = false;
    if (!descend<kConcurrent>(key, seen, is_root)) continue;
    const auto& leaf = *static_cast<const Leaf*>(seen.node);
    const std::size_t position = detail::lower_bound<kConcurrent, kLeafKeys>(leaf.keys.data(), key);
    const bool present = position < detail::load<kConcurrent>(leaf.count) &&
                         detail::load<kConcurrent>(leaf.keys[position]) == key;
    if (detail::unchanged<kConcurrent>(leaf.version, seen.version)) return present;
  }
}

// ---------------------------------------------------------------------------------------------------
// Insertion.

template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
bool BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::insert(std::uint64_t key) {
  for (concurrent_btree_detail::Backoff backoff;;) {
    switch (try_insert<kConcurrent>(key)) {
      case Outcome::kDone:
        count_keys<kConcurrent>(1);
        return true;
      case Outcome::kNothingToDo:
        return false;
      case Outcome::kStructure:
        if (!make_room<kConcurrent>(key)) backoff.wait();
        break;
      case Outcome::kRetry:
        backoff.wait();
        break;
    }
  }
}

// The common case: the leaf has room. kStructure: it has none.
template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
inline auto BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::try_insert(
    std::uint64_t key) noexcept -> Outcome {
  namespace detail = concurrent_btree_detail;
  Seen seen;
  bool is_root = false;
  if (!descend<kConcurrent>(key, seen, is_root)) return Outcome::kRetry;
  auto& leaf = *static_cast<Leaf*>(seen.node);
  const std::size_t position = detail::lower_bound<kConcurrent, kLeafKeys>(leaf.keys.data(), key);
  const std::uint32_t count = detail::load<kConcurrent>(leaf.count);
  if (position < count && detail::load<kConcurrent>(leaf.keys[position]) == key) {
    return detail::unchanged<kConcurrent>(leaf.version, seen.version) ? Outcome::kNothingToDo
                                                                      : Outcome::kRetry;
  }
  if (count == kLeafKeys) return Outcome::kStructure;             // make_room() looks for itself
  const WriteLock<kConcurrent> lock(leaf.version, seen.version);  // proves position and count, too
  if (!lock) return Outcome::kRetry;
  detail::insert_at<kConcurrent>(leaf.keys.data(), count, position, key);
  detail::store<kConcurrent>(leaf.count, count + 1);
  return Outcome::kDone;
}

// Splits the highest full node on the way to `key`, so that a node that is split always finds room
// for one more child in its parent. One node per call: the next attempt does the rest, and a split
// happens once in some twenty insertions. False: overtaken by another thread, nothing changed.
template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
bool BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::make_room(std::uint64_t key) {
  namespace detail = concurrent_btree_detail;
  const Version* above = &root_.version;
  Step step;
  if (!detail::observe<kConcurrent>(*above, step.parent.version)) return false;
  step.node.node = detail::load<kConcurrent>(root_.node);
  std::uint32_t level = detail::load<kConcurrent>(root_.level);
  for (;; --level) {
    if (!detail::unchanged<kConcurrent>(*above, step.parent.version)) return false;
    if (!detail::observe<kConcurrent>(step.node.node->version, step.node.version)) return false;
    if (!detail::unchanged<kConcurrent>(*above, step.parent.version)) return false;
    const std::uint32_t count = detail::load<kConcurrent>(step.node.node->count);
    if (level == 0) return count < kLeafKeys || split<kConcurrent, Leaf>(step, key);
    if (count == kInnerKeys) return split<kConcurrent, Inner>(step, key);
    const auto& inner = *static_cast<const Inner*>(step.node.node);
    step.parent = step.node;
    step.slot = detail::lower_bound<kConcurrent, kInnerKeys>(inner.keys.data(), key);
    step.node.node = detail::load<kConcurrent>(inner.children[step.slot]);
    above = &inner.version;
  }
}

template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent, class NodeType>
bool BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::split(const Step& step,
                                                                   std::uint64_t key) {
  namespace detail = concurrent_btree_detail;
  constexpr std::size_t kCapacity = NodeType::kCapacity;
  constexpr std::size_t kMovesUp = NodeType::kMovesUp;
  auto* parent = static_cast<Inner*>(step.parent.node);
  auto& node = *static_cast<NodeType*>(step.node.node);
  detail::Loan right(pool<NodeType>());
  detail::Loan new_root(inners_);
  right.take();  // both may throw, so both stand before the locks
  if (parent == nullptr) new_root.take();

  WriteLock<kConcurrent> parent_lock(parent != nullptr ? parent->version : root_.version,
                                     step.parent.version);
  if (!parent_lock) return false;
  const WriteLock<kConcurrent> node_lock(node.version, step.node.version);
  if (!node_lock) {
    parent_lock.abandon();
    return false;
  }
  Content content;
  gather<kConcurrent>(node, content);
  // Ascending and descending runs never come back to the part behind them: leave that part fuller.
  std::size_t left_count = kCapacity / 2;
  if (key > content.keys[kCapacity - 1]) left_count = kCapacity - kMovesUp - NodeType::kMin;
  if (key < content.keys[0]) left_count = NodeType::kMin;
  const std::size_t right_first = left_count + kMovesUp;
  assign<kConcurrent>(*right.get(), content, right_first, kCapacity - right_first);
  assign<kConcurrent>(node, content, 0, left_count);
  link_right<kConcurrent>(parent, step.slot, &node, content.keys[right_first - 1], right.get(),
                          new_root.get());
  right.keep();
  new_root.keep();
  return true;
}

// Files `right` beside `left`, which sits in `slot` of `parent`, or under a new root. The caller
// holds the parent (or root_) and `left`; nobody else knows `right` and `new_root` yet.
template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
void BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::link_right(
    Inner* parent, std::size_t slot, Node* left, std::uint64_t separator, Node* right,
    Inner* new_root) noexcept {
  namespace detail = concurrent_btree_detail;
  if (parent == nullptr) {
    Content content;
    content.keys[0] = separator;
    content.children[0] = left;
    content.children[1] = right;
    assign<kConcurrent>(*new_root, content, 0, 1);
    detail::store<kConcurrent>(root_.node, static_cast<Node*>(new_root));
    detail::store<kConcurrent>(root_.level, detail::load_locked<kConcurrent>(root_.level) + 1);
    return;
  }
  const std::uint32_t count = detail::load_locked<kConcurrent>(parent->count);
  assert(count < kInnerKeys);
  detail::insert_at<kConcurrent>(parent->keys.data(), count, slot, separator);
  detail::insert_at<kConcurrent>(parent->children.data(), std::size_t{count} + 1, slot + 1, right);
  detail::store<kConcurrent>(parent->count, count + 1);
}

// ---------------------------------------------------------------------------------------------------
// Erasure.

template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
bool BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::erase(std::uint64_t key) {
  for (concurrent_btree_detail::Backoff backoff;;) {
    switch (try_erase<kConcurrent>(key)) {
      case Outcome::kDone:
        count_keys<kConcurrent>(-1);
        return true;
      case Outcome::kNothingToDo:
        return false;
      case Outcome::kStructure:
        if (!make_surplus<kConcurrent>(key)) backoff.wait();
        break;
      case Outcome::kRetry:
        backoff.wait();
        break;
    }
  }
}

// The common case: the leaf can spare a key. kStructure: it cannot.
template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
inline auto BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::try_erase(
    std::uint64_t key) noexcept -> Outcome {
  namespace detail = concurrent_btree_detail;
  Seen seen;
  bool is_root = false;
  if (!descend<kConcurrent>(key, seen, is_root)) return Outcome::kRetry;
  auto& leaf = *static_cast<Leaf*>(seen.node);
  const std::size_t position = detail::lower_bound<kConcurrent, kLeafKeys>(leaf.keys.data(), key);
  const std::uint32_t count = detail::load<kConcurrent>(leaf.count);
  if (position >= count || detail::load<kConcurrent>(leaf.keys[position]) != key) {
    return detail::unchanged<kConcurrent>(leaf.version, seen.version) ? Outcome::kNothingToDo
                                                                      : Outcome::kRetry;
  }
  if (count <= Leaf::kMin && !is_root)
    return Outcome::kStructure;                                   // make_surplus() looks for itself
  const WriteLock<kConcurrent> lock(leaf.version, seen.version);  // proves position and count, too
  if (!lock) return Outcome::kRetry;
  detail::erase_at<kConcurrent>(leaf.keys.data(), count, position, kPadding);
  detail::store<kConcurrent>(leaf.count, count - 1);
  return Outcome::kDone;
}

// Mends the highest node on the way to `key` that could not lose a key or a child: the mirror image
// of make_room(). False: overtaken by another thread, nothing changed.
template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
bool BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::make_surplus(
    std::uint64_t key) noexcept {
  namespace detail = concurrent_btree_detail;
  const Version* above = &root_.version;
  Step step;
  if (!detail::observe<kConcurrent>(*above, step.parent.version)) return false;
  step.node.node = detail::load<kConcurrent>(root_.node);
  std::uint32_t level = detail::load<kConcurrent>(root_.level);
  for (;; --level) {
    if (!detail::unchanged<kConcurrent>(*above, step.parent.version)) return false;
    if (!detail::observe<kConcurrent>(step.node.node->version, step.node.version)) return false;
    if (!detail::unchanged<kConcurrent>(*above, step.parent.version)) return false;
    const std::uint32_t count = detail::load<kConcurrent>(step.node.node->count);
    const bool is_root = step.parent.node == nullptr;
    if (level == 0) return is_root || count > Leaf::kMin || rebalance<kConcurrent, Leaf>(step);
    if (is_root && count == 0) return lower_root<kConcurrent>(step);
    if (!is_root && count <= Inner::kMin) return rebalance<kConcurrent, Inner>(step);
    const auto& inner = *static_cast<const Inner*>(step.node.node);
    step.parent = step.node;
    step.slot = detail::lower_bound<kConcurrent, kInnerKeys>(inner.keys.data(), key);
    step.node.node = detail::load<kConcurrent>(inner.children[step.slot]);
    above = &inner.version;
  }
}

// Merges the node with a neighbour or lets the two share. The parent has at least two children:
// make_surplus() has seen to it in the version that is locked here.
template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent, class NodeType>
bool BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::rebalance(const Step& step) noexcept {
  namespace detail = concurrent_btree_detail;
  detail::Loan retired(
      pool<NodeType>());  // declared before the locks: put back when they are let go
  auto& parent = *static_cast<Inner*>(step.parent.node);
  WriteLock<kConcurrent> parent_lock(parent.version, step.parent.version);
  if (!parent_lock) return false;
  const std::size_t last_slot = detail::load_locked<kConcurrent>(parent.count);
  const std::size_t left_slot = std::min(step.slot, last_slot - 1);
  auto& left =
      *static_cast<NodeType*>(detail::load_locked<kConcurrent>(parent.children[left_slot]));
  auto& right =
      *static_cast<NodeType*>(detail::load_locked<kConcurrent>(parent.children[left_slot + 1]));
  // Neither can leave the parent now, so their versions may be read afresh.
  std::uint64_t left_version = 0;
  std::uint64_t right_version = 0;
  if (!detail::observe<kConcurrent>(left.version, left_version) ||
      !detail::observe<kConcurrent>(right.version, right_version)) {
    parent_lock.abandon();
    return false;
  }
  WriteLock<kConcurrent> left_lock(left.version, left_version);
  WriteLock<kConcurrent> right_lock(right.version, right_version);
  if (!left_lock || !right_lock) {
    left_lock.abandon();
    right_lock.abandon();
    parent_lock.abandon();
    return false;
  }
  Content content;
  gather<kConcurrent>(left, content);
  if constexpr (NodeType::kMovesUp == 1) {
    content.keys[content.count++] = detail::load_locked<kConcurrent>(parent.keys[left_slot]);
  }
  gather<kConcurrent>(right, content);
  if (content.count <= NodeType::kMerge) {
    assign<kConcurrent>(left, content, 0, content.count);
    unlink_right<kConcurrent>(parent, left_slot);
    retired.give(&right);
  } else {
    const std::size_t left_count = (content.count - NodeType::kMovesUp) / 2;
    const std::size_t right_first = left_count + NodeType::kMovesUp;
    assign<kConcurrent>(left, content, 0, left_count);
    assign<kConcurrent>(right, content, right_first, content.count - right_first);
    detail::store<kConcurrent>(parent.keys[left_slot], content.keys[right_first - 1]);
  }
  return true;
}

// A root with a single child hands over to it.
template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
bool BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::lower_root(const Step& step) noexcept {
  namespace detail = concurrent_btree_detail;
  detail::Loan retired(inners_);
  auto& old_root = *static_cast<Inner*>(step.node.node);
  WriteLock<kConcurrent> root_lock(root_.version, step.parent.version);
  if (!root_lock) return false;
  const WriteLock<kConcurrent> old_lock(old_root.version, step.node.version);
  if (!old_lock) {
    root_lock.abandon();
    return false;
  }
  detail::store<kConcurrent>(root_.node, detail::load_locked<kConcurrent>(old_root.children[0]));
  detail::store<kConcurrent>(root_.level, detail::load_locked<kConcurrent>(root_.level) - 1);
  retired.give(&old_root);
  return true;
}

template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent>
void BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::unlink_right(
    Inner& parent, std::size_t left_slot) noexcept {
  namespace detail = concurrent_btree_detail;
  const std::uint32_t count = detail::load_locked<kConcurrent>(parent.count);
  detail::erase_at<kConcurrent>(parent.keys.data(), count, left_slot, kPadding);
  detail::erase_at<kConcurrent>(parent.children.data(), std::size_t{count} + 1, left_slot + 1,
                                static_cast<Node*>(nullptr));
  detail::store<kConcurrent>(parent.count, count - 1);
}

// ---------------------------------------------------------------------------------------------------
// Whole nodes. In the concurrent case even a node that nobody can reach is written by atomic
// stores: it may be a recycled one that a reader with an outdated pointer is looking at.

template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent, class NodeType>
void BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::gather(const NodeType& node,
                                                                    Content& content) noexcept {
  namespace detail = concurrent_btree_detail;
  const std::size_t count = detail::load_locked<kConcurrent>(node.count);
  for (std::size_t i = 0; i < count; ++i) {
    content.keys[content.count + i] = detail::load_locked<kConcurrent>(node.keys[i]);
  }
  if constexpr (std::is_same_v<NodeType, Inner>) {
    for (std::size_t i = 0; i <= count; ++i) {
      content.children[content.count + i] = detail::load_locked<kConcurrent>(node.children[i]);
    }
  }
  content.count += count;
}

template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
template <bool kConcurrent, class NodeType>
void BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::assign(NodeType& node,
                                                                    const Content& content,
                                                                    std::size_t first,
                                                                    std::size_t count) noexcept {
  namespace detail = concurrent_btree_detail;
  for (std::size_t i = 0; i < count; ++i)
    detail::store<kConcurrent>(node.keys[i], content.keys[first + i]);
  for (std::size_t i = count; i < NodeType::kCapacity; ++i)
    detail::store<kConcurrent>(node.keys[i], kPadding);
  if constexpr (std::is_same_v<NodeType, Inner>) {
    for (std::size_t i = 0; i <= count; ++i) {
      detail::store<kConcurrent>(node.children[i], content.children[first + i]);
    }
  }
  detail::store<kConcurrent>(node.count, static_cast<std::uint32_t>(count));
}

// ---------------------------------------------------------------------------------------------------
// Loading and checking.

template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
void BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::bulk_load(
    std::span<const std::uint64_t> sorted) {
  assert(std::adjacent_find(sorted.begin(), sorted.end(), std::greater_equal<>()) == sorted.end());
  if (sorted.empty()) {
    clear();
    return;
  }
  constexpr std::size_t kLeafFill = kLeafKeys * 9 / 10;
  constexpr std::size_t kInnerFill = (kInnerKeys + 1) * 9 / 10;  // children
  const auto divide_up = [](std::size_t count, std::size_t by) { return (count + by - 1) / by; };
  // Where part `i` of `parts` nearly equal ones begins in `count` things.
  const auto begin_of = [](std::size_t i, std::size_t count, std::size_t parts) {
    return i * (count / parts) + std::min(i, count % parts);
  };

  // All that can throw comes first.
  struct Entry {
    Node* node;
    std::uint64_t largest;
  };
  using EntryAllocator = typename std::allocator_traits<Allocator>::template rebind_alloc<Entry>;
  std::size_t row_size = divide_up(sorted.size(), kLeafFill);
  std::vector<Entry, EntryAllocator> row(row_size);  // the level that has just been built
  leaves_.provide(row_size);
  std::size_t inner_count = 0;
  for (std::size_t nodes = row_size; nodes > 1; inner_count += nodes)
    nodes = divide_up(nodes, kInnerFill);
  inners_.provide(inner_count);

  leaves_.recall_all();
  inners_.recall_all();
  Content content;
  for (std::size_t i = 0; i < row_size; ++i) {
    const std::size_t begin = begin_of(i, sorted.size(), row_size);
    const std::size_t end = begin_of(i + 1, sorted.size(), row_size);
    std::copy(sorted.begin() + static_cast<std::ptrdiff_t>(begin),
              sorted.begin() + static_cast<std::ptrdiff_t>(end), content.keys.begin());
    Leaf* leaf = leaves_.take();
    assign<false>(*leaf, content, 0, end - begin);
    row[i] = {leaf, sorted[end - 1]};
  }
  std::uint32_t level = 0;
  for (; row_size > 1; ++level) {
    const std::size_t parents = divide_up(row_size, kInnerFill);
    for (std::size_t i = 0; i < parents; ++i) {
      const std::size_t begin = begin_of(i, row_size, parents);
      const std::size_t end = begin_of(i + 1, row_size, parents);
      for (std::size_t child = begin; child < end; ++child) {
        content.keys[child - begin] = row[child].largest;
        content.children[child - begin] = row[child].node;
      }
      Inner* inner = inners_.take();
      assign<false>(*inner, content, 0, end - begin - 1);
      row[i] = {inner, row[end - 1].largest};  // i <= begin: overwrites only what has been filed
    }
    row_size = parents;
  }
  root_.node = row[0].node;
  root_.level = level;
  set_size(sorted.size());
}

template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
std::string BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::check() const {
  if ((root_.version.load(std::memory_order_relaxed) & 1) != 0) return "the root word is locked";
  Census census;
  std::string fault = check_below(root_.node, root_.level, nullptr, kPadding, census);
  if (!fault.empty()) return fault;
  if (census.keys != size()) {
    return "size() is " + std::to_string(size()) + " but the leaves hold " +
           std::to_string(census.keys) + " keys";
  }
  if (census.leaves != leaves_.in_use()) {
    return std::to_string(leaves_.in_use()) + " leaves are in use but " +
           std::to_string(census.leaves) + " can be reached";
  }
  if (census.inners != inners_.in_use()) {
    return std::to_string(inners_.in_use()) + " inner nodes are in use but " +
           std::to_string(census.inners) + " can be reached";
  }
  return {};
}

// Keys below `node` must be greater than *above (null: no bound) and not greater than `most`.
template <std::size_t kLeafKeys, std::size_t kInnerKeys, class Allocator>
std::string BasicConcurrentBTree<kLeafKeys, kInnerKeys, Allocator>::check_below(
    const Node* node, std::uint32_t level, const std::uint64_t* above, std::uint64_t most,
    Census& census) const {
  const auto fault = [level](const std::string& what) {
    return "at level " + std::to_string(level) + " " + what;
  };
  if (node == nullptr) return fault("a child is missing");
  if ((node->version.load(std::memory_order_relaxed) & 1) != 0) return fault("a node is locked");
  const bool is_root = node == root_.node;
  const std::size_t capacity = level == 0 ? Leaf::kCapacity : Inner::kCapacity;
  const std::size_t least = is_root ? 0 : level == 0 ? Leaf::kMin : Inner::kMin;
  const std::uint64_t* keys = level == 0 ? static_cast<const Leaf*>(node)->keys.data()
                                         : static_cast<const Inner*>(node)->keys.data();
  const std::size_t count = node->count;
  if (count < least || count > capacity) {
    return fault("a node holds " + std::to_string(count) + " keys, not " + std::to_string(least) +
                 " to " + std::to_string(capacity));
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t* before = i == 0 ? above : &keys[i - 1];
    if (before != nullptr && keys[i] <= *before) {
      return fault("key " + std::to_string(keys[i]) + " follows " + std::to_string(*before));
    }
    if (keys[i] > most) {
      return fault("key " + std::to_string(keys[i]) + " exceeds its separator " +
                   std::to_string(most));
    }
  }
  for (std::size_t i = count; i < capacity; ++i) {
    if (keys[i] != kPadding) return fault("an unused slot holds " + std::to_string(keys[i]));
  }
  if (level == 0) {
    ++census.leaves;
    census.keys += count;
    return {};
  }
  ++census.inners;
  const auto& children = static_cast<const Inner*>(node)->children;
  for (std::size_t i = 0; i <= count; ++i) {
    std::string below = check_below(children[i], level - 1, i == 0 ? above : &keys[i - 1],
                                    i == count ? most : keys[i], census);
    if (!below.empty()) return below;
  }
  return {};
}

}  // namespace socbi::baselines

#endif  // SOCBI_BASELINES_CONCURRENT_BTREE_HPP
