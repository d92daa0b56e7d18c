using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Stores;

/// <summary>
/// Writes large files, and reads large parts of files, past the page cache (O_DIRECT). What is flushed at once and read by nobody soon would only be copied there,
/// which is a tenth of the processor time of a first backup, and take memory from what is in use, or from a container's limit. The same holds for what is read once.
/// </summary>
public static class DirectFile
{
    /// <summary>Files that are shorter are not worth it.</summary>
    internal const int ShortestWorthwhile = 1 << 20;

    /// <summary>Of the memory, the place in the file and the length, bytes. Some disks would do with 512; one that wants more refuses, and is written in the plain way.</summary>
    public const int Alignment = 4 << 10;

    /// <summary>Parts of files that are shorter are read in the plain way.</summary>
    internal const int ShortestRead = 256 << 10;

    private const int PieceLength = 1 << 20;

    private static readonly ConcurrentBag<AlignedPiece> Free = [];

    /// <summary>O_DIRECT, to open a file with.</summary>
    public static int Flag => LibC.Direct;

    /// <summary>
    /// Memory that a disk can read into and write from: it begins at a page, and is huge pages as far as they fit in, since the kernel looks up each page for each read
    /// and write. The caller's to dispose, when nobody reads or writes it any more.
    /// </summary>
    /// <param name="length">Bytes, at least one. There is zero in them.</param>
    /// <exception cref="InsufficientMemoryException">The system does not give so many.</exception>
    public static IMemoryOwner<byte> CreateBuffer(int length) => new PageBuffer(length, inHugePages: length >= PageBuffer.HugePage);

    /// <summary>
    /// Writes a new file from its beginning. False when the file system does not do this, or not in this way: the file is empty then, and is to be
    /// written in the plain way, which also meets, and names, whatever else was the cause. In both cases it is a plain file afterwards.
    /// </summary>
    /// <param name="file">Open for writing.</param>
    /// <param name="body">What is to be in it. Written as it lies where it begins at a multiple of 4 KiB, else by way of a copy.</param>
    internal static unsafe bool TryWrite(SafeFileHandle file, ReadOnlySpan<byte> body)
    {
        if (FileSystemKind.IsRemote(file)) return false;
        var flags = LibC.GetFlags(file);
        if (flags < 0 || LibC.SetFlags(file, flags | LibC.Direct) < 0) return false;
        try
        {
            // Pinned for as long as it is looked at: the collector might move an array between the look at its address and the write.
            fixed (byte* start = body)
            {
                var written = (nuint)start % Alignment == 0 ? body.Length / Alignment * Alignment : 0;
                if (written > 0) RandomAccess.Write(file, body[..written], 0);
                if (written < body.Length) WriteCopied(file, body, written);
            }

            if (body.Length % Alignment != 0) RandomAccess.SetLength(file, body.Length);
            return true;
        }
        catch (IOException)
        {
            // What was written may be longer than the body.
            RandomAccess.SetLength(file, 0);
            return false;
        }
        finally
        {
            _ = LibC.SetFlags(file, flags);
        }
    }

    /// <summary>
    /// Reads from an offset on, and returns how much was read: nothing where the file system does not do this, where little is asked for, or where the memory does not
    /// begin as far from a multiple of <see cref="Alignment"/> as the offset does; less than asked for at the end of the file. The rest is to be read in the plain way,
    /// which also meets, and names, whatever was the cause.
    /// </summary>
    /// <param name="file">Open for reading. A plain file again afterwards.</param>
    /// <param name="destination">Where it is to lie.</param>
    /// <param name="offset">Where it begins in the file.</param>
    internal static unsafe int Read(SafeFileHandle file, Span<byte> destination, long offset)
    {
        if (destination.Length < ShortestRead) return 0;
        fixed (byte* start = destination)
        {
            if (((nuint)start - (nuint)offset) % Alignment != 0 || FileSystemKind.IsRemote(file)) return 0;
            var flags = LibC.GetFlags(file);
            if (flags < 0 || LibC.SetFlags(file, flags | LibC.Direct) < 0) return 0;
            try
            {
                var head = (int)(-offset & (Alignment - 1));
                var end = (destination.Length - head) / Alignment * Alignment + head;
                var done = head;
                while (done < end)
                {
                    var read = RandomAccess.Read(file, destination[done..end], offset + done);
                    done += read;
                    // What ends within a block is the end of the file.
                    if (read == 0 || read % Alignment != 0) break;
                }

                // What is before and after whole blocks comes out of whole blocks, too.
                if (head > 0 && !TryReadEdge(file, destination[..head], offset)) return 0;
                return done == end && end < destination.Length && TryReadEdge(file, destination[end..], offset + end) ? destination.Length : done;
            }
            catch (IOException)
            {
                return 0;
            }
            finally
            {
                _ = LibC.SetFlags(file, flags);
            }
        }
    }

    /// <summary>Reads less than a block, which lies within one.</summary>
    private static bool TryReadEdge(SafeFileHandle file, Span<byte> destination, long offset)
    {
        if (!Free.TryTake(out var piece)) piece = new AlignedPiece();
        try
        {
            var within = (int)(offset % Alignment);
            if (RandomAccess.Read(file, piece.Bytes[..Alignment], offset - within) < within + destination.Length) return false;
            piece.Bytes.Slice(within, destination.Length).CopyTo(destination);
            return true;
        }
        finally
        {
            Free.Add(piece);
        }
    }

    /// <summary>Writes the body from an offset on, piece by piece, the last one padded with zeros.</summary>
    private static void WriteCopied(SafeFileHandle file, ReadOnlySpan<byte> body, int offset)
    {
        if (!Free.TryTake(out var piece)) piece = new AlignedPiece();
        try
        {
            for (var at = offset; at < body.Length; at += PieceLength)
            {
                var part = body[at..Math.Min(at + PieceLength, body.Length)];
                part.CopyTo(piece.Bytes);
                var padded = (part.Length + Alignment - 1) / Alignment * Alignment;
                piece.Bytes[part.Length..padded].Clear();
                RandomAccess.Write(file, piece.Bytes[..padded], at);
            }
        }
        finally
        {
            Free.Add(piece);
        }
    }

    /// <summary>Memory that begins where the disk can take it from. It lives as long as the process: there are as many as files were ever written at once.</summary>
    private sealed unsafe class AlignedPiece
    {
        private readonly void* _memory = NativeMemory.AlignedAlloc(PieceLength, Alignment);

        ~AlignedPiece() => NativeMemory.AlignedFree(_memory);

        public Span<byte> Bytes => new(_memory, PieceLength);
    }
}
