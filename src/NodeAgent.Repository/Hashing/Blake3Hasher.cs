using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace NodeAgent.Repository.Hashing;

/// <summary>
/// Incremental BLAKE3: hash, keyed hash or key derivation, with output of any length. Not thread-safe.
/// </summary>
/// <remarks>
/// After construction nothing is allocated, and one hasher serves any number of messages through <see cref="Reset"/>.
/// The key is zeroed by <see cref="Dispose"/>. For input in one piece, <see cref="Blake3"/> is shorter to write.
/// </remarks>
public sealed class Blake3Hasher : IDisposable
{
    /// <summary>Length of a key in bytes.</summary>
    public const int KeyLength = 32;

    // A tree of 2^64 bytes has 2^54 chunks, so at most 54 completed subtrees wait for their right-hand sibling.
    private const int MaxDepth = 54;
    private const int ChainingWords = Blake3Compression.ChainingWords;
    private const int ChunkLength = Blake3Compression.ChunkLength;
    private const int BlockLength = Blake3Compression.BlockLength;

    private readonly Blake3Kernel _kernel;
    private uint _modeFlags;
    private State _state;

    /// <summary>Creates a hasher without a key.</summary>
    public Blake3Hasher()
        : this(MemoryMarshal.AsBytes(Blake3Compression.InitialVector), 0, Blake3Lanes.Best)
    {
    }

    internal Blake3Hasher(Blake3Kernel kernel)
        : this(MemoryMarshal.AsBytes(Blake3Compression.InitialVector), 0, kernel)
    {
    }

    private Blake3Hasher(ReadOnlySpan<byte> key, uint modeFlags, Blake3Kernel kernel)
    {
        _kernel = kernel;
        Restart(key, modeFlags);
    }

    /// <summary>Creates a hasher with a key of 32 bytes.</summary>
    public static Blake3Hasher CreateKeyed(ReadOnlySpan<byte> key) => CreateKeyed(key, Blake3Lanes.Best);

    /// <summary>Creates a hasher that derives keys for the purpose that <paramref name="context"/> names.</summary>
    /// <param name="context">A constant that no other use shares: application, date and purpose.</param>
    public static Blake3Hasher CreateDeriveKey(string context) => CreateDeriveKey(context, Blake3Lanes.Best);

    internal static Blake3Hasher CreateKeyed(ReadOnlySpan<byte> key, Blake3Kernel kernel) =>
        new(key, Blake3Compression.Keyed, kernel);

    internal static Blake3Hasher CreateDeriveKey(string context, Blake3Kernel kernel)
    {
        ArgumentNullException.ThrowIfNull(context);
        Span<byte> contextKey = stackalloc byte[KeyLength];
        using (var contextHasher = new Blake3Hasher(
            MemoryMarshal.AsBytes(Blake3Compression.InitialVector), Blake3Compression.DeriveKeyContext, kernel))
        {
            contextHasher.Update(Encoding.UTF8.GetBytes(context));
            contextHasher.Finalize(contextKey);
        }

        return new Blake3Hasher(contextKey, Blake3Compression.DeriveKeyMaterial, kernel);
    }

    /// <summary>Turns this hasher into one of another key or mode.</summary>
    internal void Restart(ReadOnlySpan<byte> key, uint modeFlags)
    {
        if (key.Length != KeyLength)
            throw new ArgumentException($"a BLAKE3 key has {KeyLength} bytes, not {key.Length}", nameof(key));
        _modeFlags = modeFlags;
        key.CopyTo(MemoryMarshal.AsBytes((Span<uint>)_state.Key));
        Reset();
    }

    /// <summary>Forgets the message so far; mode and key stay.</summary>
    public void Reset()
    {
        ObjectDisposedException.ThrowIf(_state.Disposed, this);
        _state.ChunkCounter = 0;
        _state.StackDepth = 0;
        StartChunk();
    }

    /// <summary>Appends to the message.</summary>
    public void Update(ReadOnlySpan<byte> input)
    {
        ObjectDisposedException.ThrowIf(_state.Disposed, this);
        if (_state.ChunkFilled > 0)
        {
            var take = Math.Min(ChunkLength - _state.ChunkFilled, input.Length);
            UpdateChunk(input[..take]);
            input = input[take..];
            if (input.IsEmpty)
                return;
            CompleteChunk();
        }

        // Whole subtrees, the largest that both the input and the position in the tree allow. The last chunk is kept
        // back even if it is full: it may turn out to be the root, which is flagged differently.
        Span<uint> pair = stackalloc uint[2 * ChainingWords];
        while (input.Length > ChunkLength)
        {
            var length = 1 << BitOperations.Log2((uint)input.Length);
            while ((((ulong)length - 1) & (_state.ChunkCounter * ChunkLength)) != 0)
                length >>= 1;
            var chunks = (ulong)length / ChunkLength;
            if (length <= ChunkLength)
            {
                Blake3Lanes.HashMany(
                    Blake3Kernel.Scalar, input[..ChunkLength], 1, ChunkLength / BlockLength, _state.Key, _state.ChunkCounter, 0,
                    _modeFlags, Blake3Compression.ChunkStart, Blake3Compression.ChunkEnd, pair);
                PushChainingValue(pair[..ChainingWords], _state.ChunkCounter);
            }
            else
            {
                // The two halves are kept apart: merging them is left to the stack, which knows whether more follows.
                CompressSubtreeToPair(input[..length], pair);
                PushChainingValue(pair[..ChainingWords], _state.ChunkCounter);
                PushChainingValue(pair[ChainingWords..], _state.ChunkCounter + chunks / 2);
            }

            _state.ChunkCounter += chunks;
            input = input[length..];
        }

        if (!input.IsEmpty)
        {
            UpdateChunk(input);
            MergeStack(_state.ChunkCounter);
        }
    }

    /// <summary>
    /// Writes the hash of the message so far, as many bytes as <paramref name="output"/> has. The message may go on after it.
    /// </summary>
    public void Finalize(Span<byte> output)
    {
        ObjectDisposedException.ThrowIf(_state.Disposed, this);
        Span<uint> chaining = stackalloc uint[ChainingWords];
        Span<byte> block = stackalloc byte[BlockLength];
        uint blockLength;
        uint flags;
        ulong counter;
        var depth = _state.StackDepth;

        if (depth == 0 || _state.ChunkFilled > 0)
        {
            ((ReadOnlySpan<uint>)_state.ChunkChaining).CopyTo(chaining);
            ((ReadOnlySpan<byte>)_state.Block).CopyTo(block);
            block[_state.BlockFilled..].Clear();
            blockLength = (uint)_state.BlockFilled;
            counter = _state.ChunkCounter;
            flags = _modeFlags | StartFlag() | Blake3Compression.ChunkEnd;
        }
        else
        {
            // The input ended with a whole subtree: its two halves are the last two entries.
            depth -= 2;
            Stack(depth, 2).CopyTo(MemoryMarshal.Cast<byte, uint>(block));
            ((ReadOnlySpan<uint>)_state.Key).CopyTo(chaining);
            blockLength = BlockLength;
            counter = 0;
            flags = _modeFlags | Blake3Compression.Parent;
        }

        Span<uint> words = stackalloc uint[16];
        while (depth > 0)
        {
            depth--;
            Blake3Compression.Compress(chaining, block, blockLength, counter, flags, words);
            Span<uint> parent = MemoryMarshal.Cast<byte, uint>(block);
            Stack(depth, 1).CopyTo(parent);
            words[..ChainingWords].CopyTo(parent[ChainingWords..]);
            ((ReadOnlySpan<uint>)_state.Key).CopyTo(chaining);
            blockLength = BlockLength;
            counter = 0;
            flags = _modeFlags | Blake3Compression.Parent;
        }

        ulong outputBlock = 0;
        while (!output.IsEmpty)
        {
            Blake3Compression.Compress(chaining, block, blockLength, outputBlock, flags | Blake3Compression.Root, words);
            ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(words);
            var take = Math.Min(output.Length, BlockLength);
            bytes[..take].CopyTo(output);
            output = output[take..];
            outputBlock++;
        }
    }

    /// <summary>Zeroes the key and everything derived from the message. The hasher cannot be used after it.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(new Span<State>(ref _state)));
        _state.Disposed = true;
    }

    private uint StartFlag() => _state.BlocksCompressed == 0 ? Blake3Compression.ChunkStart : 0;

    private Span<uint> Stack(int depth, int count) =>
        ((Span<uint>)_state.Stack).Slice(depth * ChainingWords, count * ChainingWords);

    private void StartChunk()
    {
        ((ReadOnlySpan<uint>)_state.Key).CopyTo(_state.ChunkChaining);
        _state.BlockFilled = 0;
        _state.BlocksCompressed = 0;
    }

    private void UpdateChunk(ReadOnlySpan<byte> input)
    {
        Span<uint> words = stackalloc uint[16];
        while (!input.IsEmpty)
        {
            if (_state.BlockFilled == BlockLength)
            {
                Blake3Compression.Compress(
                    _state.ChunkChaining, _state.Block, BlockLength, _state.ChunkCounter, _modeFlags | StartFlag(), words);
                words[..ChainingWords].CopyTo(_state.ChunkChaining);
                _state.BlocksCompressed++;
                _state.BlockFilled = 0;
            }

            var take = Math.Min(BlockLength - _state.BlockFilled, input.Length);
            input[..take].CopyTo(((Span<byte>)_state.Block)[_state.BlockFilled..]);
            _state.BlockFilled += take;
            input = input[take..];
        }
    }

    private void CompleteChunk()
    {
        Span<uint> words = stackalloc uint[16];
        Blake3Compression.Compress(
            _state.ChunkChaining, _state.Block, BlockLength, _state.ChunkCounter,
            _modeFlags | StartFlag() | Blake3Compression.ChunkEnd, words);
        PushChainingValue(words[..ChainingWords], _state.ChunkCounter);
        _state.ChunkCounter++;
        StartChunk();
    }

    // Merging is put off until more input is known to follow, since the last merge of all must carry the root flag.
    private void PushChainingValue(ReadOnlySpan<uint> chainingValue, ulong chunkCounter)
    {
        MergeStack(chunkCounter);
        chainingValue.CopyTo(Stack(_state.StackDepth, 1));
        _state.StackDepth++;
    }

    // After n chunks as many subtrees are complete as n has one bits: everything above that on the stack is merged.
    private void MergeStack(ulong chunks)
    {
        var complete = BitOperations.PopCount(chunks);
        Span<uint> words = stackalloc uint[16];
        while (_state.StackDepth > complete)
        {
            Blake3Compression.Compress(
                _state.Key, MemoryMarshal.AsBytes(Stack(_state.StackDepth - 2, 2)), BlockLength, 0,
                _modeFlags | Blake3Compression.Parent, words);
            words[..ChainingWords].CopyTo(Stack(_state.StackDepth - 2, 1));
            _state.StackDepth--;
        }
    }

    private void CompressSubtreeToPair(ReadOnlySpan<byte> input, Span<uint> pair)
    {
        // A kernel of width w returns up to w values for a subtree; one more parent level at a time halves them.
        Span<uint> values = stackalloc uint[2 * (int)Blake3Kernel.Vector512 * ChainingWords];
        Span<uint> parents = stackalloc uint[(int)Blake3Kernel.Vector512 * ChainingWords];
        var count = CompressSubtree(input, _state.ChunkCounter, values);
        while (count > 2)
        {
            count = CompressParents(values, count, parents);
            parents[..(count * ChainingWords)].CopyTo(values);
        }

        values[..(2 * ChainingWords)].CopyTo(pair);
    }

    // Input: a power of two of chunks. Output: at most max(width, 2) chaining values of the level that has so many.
    private int CompressSubtree(ReadOnlySpan<byte> input, ulong chunkCounter, Span<uint> output)
    {
        var width = (int)_kernel;
        if (input.Length <= width * ChunkLength)
        {
            var chunks = input.Length / ChunkLength;
            Blake3Lanes.HashMany(
                _kernel, input, chunks, ChunkLength / BlockLength, _state.Key, chunkCounter, 1,
                _modeFlags, Blake3Compression.ChunkStart, Blake3Compression.ChunkEnd, output);
            return chunks;
        }

        var half = input.Length / 2;
        Span<uint> values = stackalloc uint[2 * (int)Blake3Kernel.Vector512 * ChainingWords];
        var left = CompressSubtree(input[..half], chunkCounter, values);
        var right = CompressSubtree(input[half..], chunkCounter + (ulong)(half / ChunkLength), values[(left * ChainingWords)..]);
        if (left == 1)
        {
            values[..(2 * ChainingWords)].CopyTo(output);
            return 2;
        }

        return CompressParents(values, left + right, output);
    }

    private int CompressParents(ReadOnlySpan<uint> children, int count, Span<uint> output)
    {
        var parents = count / 2;
        Blake3Lanes.HashMany(
            _kernel, MemoryMarshal.AsBytes(children), parents, 1, _state.Key, 0, 0,
            _modeFlags | Blake3Compression.Parent, 0, 0, output);
        return parents;
    }

    [InlineArray(ChainingWords)]
    private struct Words
    {
        private uint _first;
    }

    [InlineArray(BlockLength)]
    private struct BlockBytes
    {
        private byte _first;
    }

    [InlineArray((MaxDepth + 2) * ChainingWords)]
    private struct StackWords
    {
        private uint _first;
    }

    private struct State
    {
        public Words Key;
        public Words ChunkChaining;
        public BlockBytes Block;
        public StackWords Stack;
        public ulong ChunkCounter;
        public int StackDepth;
        public int BlockFilled;
        public int BlocksCompressed;
        public bool Disposed;

        public readonly int ChunkFilled => (BlocksCompressed * BlockLength) + BlockFilled;
    }
}
