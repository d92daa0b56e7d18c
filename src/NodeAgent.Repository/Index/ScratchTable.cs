using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using NodeAgent.Repository.Interop;

namespace NodeAgent.Repository.Index;

/// <summary>
/// A table of numbers for one piece of work: in memory while it is small, else in a file without a name that is mapped into memory, whose pages the kernel takes back
/// when memory is short. Not thread-safe; the owner disposes it.
/// </summary>
/// <typeparam name="T">What is in it, as it lies in memory.</typeparam>
internal sealed unsafe class ScratchTable<T> : IDisposable
    where T : unmanaged
{
    private readonly T[]? _memory;
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private T* _start;

    /// <summary>A table in memory.</summary>
    /// <param name="content">Its content, from now on the table's.</param>
    /// <param name="count">How much of that counts.</param>
    public ScratchTable(T[] content, int count) => (_memory, Count) = (content, count);

    private ScratchTable(SafeFileHandle handle, int count, MemoryMappedFileAccess access)
    {
        Count = count;
        _file = MemoryMappedFile.CreateFromFile(handle, null, 0, access, HandleInheritability.None, leaveOpen: true);
        _view = _file.CreateViewAccessor(0, (long)count * sizeof(T), access);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _start = (T*)(start + _view.PointerOffset);
        // Of 128 KiB around each number that was wanted, nothing else would be.
        LibC.ExpectRandomUse((nint)_start, (nuint)((long)count * sizeof(T)));
    }

    /// <summary>Numbers in it.</summary>
    public int Count { get; }

    /// <summary>Whether it is in a file.</summary>
    public bool IsMapped => _memory is null;

    public T this[int index]
    {
        get
        {
            if (_memory is not null) return _memory[index];
            // Nothing else keeps a pointer within its table.
            if ((uint)index >= (uint)Count || _start == null) throw new ArgumentOutOfRangeException(nameof(index));
            return _start[index];
        }

        set
        {
            if (_memory is not null)
            {
                _memory[index] = value;
                return;
            }

            if ((uint)index >= (uint)Count || _start == null) throw new ArgumentOutOfRangeException(nameof(index));
            _start[index] = value;
        }
    }

    /// <summary>A table of equal numbers.</summary>
    /// <param name="count">How many.</param>
    /// <param name="value">Each.</param>
    /// <param name="directory">Where its file may be; null to stay in memory.</param>
    /// <exception cref="IOException">The disk is full.</exception>
    public static ScratchTable<T> Filled(int count, T value, string? directory)
    {
        if (directory is null)
        {
            var content = new T[count];
            Array.Fill(content, value);
            return new ScratchTable<T>(content, count);
        }

        using var file = new TemporaryFile(directory);
        var block = new T[Math.Min(count, 16 << 10)];
        Array.Fill(block, value);
        // Written, not only made as long: a page that finds no room on the disk later ends the process.
        for (var left = count; left > 0; left -= block.Length) file.Append(MemoryMarshal.AsBytes(block.AsSpan(0, Math.Min(left, block.Length))));
        return Map(file, count, MemoryMappedFileAccess.ReadWrite);
    }

    /// <summary>What was written to a file, of which the caller may dispose.</summary>
    public static ScratchTable<T> Of(TemporaryFile file, int count) => Map(file, count, MemoryMappedFileAccess.Read);

    public void Dispose()
    {
        if (_start != null) _view!.SafeMemoryMappedViewHandle.ReleasePointer();
        _start = null;
        _view?.Dispose();
        _file?.Dispose();
    }

    private static ScratchTable<T> Map(TemporaryFile file, int count, MemoryMappedFileAccess access) =>
        count == 0 ? new ScratchTable<T>([], 0) : new ScratchTable<T>(file.Complete(), count, access);
}
