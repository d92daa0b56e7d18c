using System.Runtime.InteropServices;
using NodeAgent.Repository.Interop;
using NodeAgent.Repository.Stores;
using NodeAgent.Repository.Tests.Support;

namespace NodeAgent.Repository.Tests.Stores;

/// <summary>Files that are written past the page cache, on file systems that do and do not support it.</summary>
public sealed class DirectFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("nodeagent-direct-").FullName;

    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(4 << 20)]
    [InlineData((4 << 20) - 1)]
    [InlineData((8 << 20) + 4095)]
    public void A_file_has_exactly_the_bytes_that_were_written_to_it(int length)
    {
        // At an odd address, as parts of arrays are.
        var memory = new byte[length + 1];
        SeededRandom.Create().NextBytes(memory);
        using var file = File.OpenHandle(Path.Combine(_directory, "file"), FileMode.CreateNew, FileAccess.ReadWrite);
        if (!DirectFile.TryWrite(file, memory.AsSpan(1))) Assert.Skip($"the file system of {_directory} does not write past the page cache: set TMPDIR to a directory on ext4, XFS or Btrfs");
        Assert.Equal(length, RandomAccess.GetLength(file));
        var read = new byte[length];
        // The plain way again: neither the memory nor the place is one that a direct read could take.
        Assert.Equal(length, RandomAccess.Read(file, read, 0));
        Assert.Equal<byte>(memory[1..], read);
        RandomAccess.Write(file, "odd"u8, 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData((1 << 20) + 1)]
    [InlineData(4 << 20)]
    [InlineData((8 << 20) + 4095)]
    public void Memory_that_begins_at_a_page_is_written_as_it_lies(int length)
    {
        using var memory = new PageBuffer((9 << 20) + 1);
        var all = memory.Span;
        SeededRandom.Create().NextBytes(all);
        // Not at the buffer's own beginning, and with other bytes after it that do not belong to the file.
        var body = all.Slice(1 << 16, length);
        var before = all.ToArray();
        using var file = File.OpenHandle(Path.Combine(_directory, "file"), FileMode.CreateNew, FileAccess.ReadWrite);
        if (!DirectFile.TryWrite(file, body)) Assert.Skip($"the file system of {_directory} does not write past the page cache: set TMPDIR to a directory on ext4, XFS or Btrfs");
        Assert.Equal(length, RandomAccess.GetLength(file));
        var read = new byte[length];
        Assert.Equal(length, RandomAccess.Read(file, read, 0));
        Assert.True(body.SequenceEqual(read));
        Assert.True(all.SequenceEqual(before));
    }

    [Theory]
    [InlineData(0, 256 << 10)]
    [InlineData(1, 256 << 10)]
    [InlineData(4095, (1 << 20) + 1)]
    [InlineData(4096, (1 << 20) + 4095)]
    [InlineData(123_457, 700_000)]
    [InlineData(300_000, (2 << 20) - 300_000 - 17)] // to the last byte of a file that ends within a block
    public void A_part_of_a_file_is_read_past_the_page_cache_wherever_it_begins_and_ends(int offset, int length)
    {
        var content = new byte[(2 << 20) - 17];
        SeededRandom.Create().NextBytes(content);
        using var file = Write(content);
        using var memory = new PageBuffer(3 << 20);
        var place = memory.Span.Slice((1 << 12) + (offset % DirectFile.Alignment), length);

        Assert.Equal(length, DirectFile.Read(file, place, offset));

        Assert.True(content.AsSpan(offset, length).SequenceEqual(place));
        Assert.Equal(-1, memory.Span[..((1 << 12) + (offset % DirectFile.Alignment))].IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, memory.Span[((1 << 12) + (offset % DirectFile.Alignment) + length)..].IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void What_is_beyond_the_end_of_a_file_is_not_said_to_be_read()
    {
        var content = new byte[(1 << 20) + 100];
        SeededRandom.Create().NextBytes(content);
        using var file = Write(content);
        using var memory = new PageBuffer(3 << 20);

        var read = DirectFile.Read(file, memory.Span[..(2 << 20)], 0);

        Assert.InRange(read, 1, content.Length);
        Assert.True(content.AsSpan(0, read).SequenceEqual(memory.Span[..read]));
        Assert.Equal(0, DirectFile.Read(file, memory.Span[..(1 << 20)], 4 << 20));
    }

    [Fact]
    public void Memory_that_lies_otherwise_than_the_file_and_short_parts_are_left_to_the_plain_way()
    {
        using var file = Write(new byte[2 << 20]);
        using var memory = new PageBuffer(3 << 20);
        Assert.Equal(0, DirectFile.Read(file, memory.Span.Slice(1, 1 << 20), 0));
        Assert.Equal(0, DirectFile.Read(file, memory.Span[..(DirectFile.ShortestRead - 1)], 0));
        // It is a plain file afterwards.
        Assert.Equal(1, RandomAccess.Read(file, new byte[1], 77));
    }

    [Fact]
    public void An_array_is_written_wherever_in_a_page_a_part_of_it_begins()
    {
        var array = GC.AllocateArray<byte>(3 << 20, pinned: true);
        SeededRandom.Create().NextBytes(array);
        // Each of these parts begins at another place in a page; one of them at its beginning.
        var page = (int)((4096 - (Address(array) % 4096)) % 4096);
        foreach (var (part, i) in new[] { page, page + 1, page + 512, page + 4095, 0 }.Select((part, i) => (part, i)))
        {
            using var file = File.OpenHandle(Path.Combine(_directory, $"file{i}"), FileMode.CreateNew, FileAccess.ReadWrite);
            if (!DirectFile.TryWrite(file, array.AsSpan(part, (2 << 20) + 77))) Assert.Skip($"the file system of {_directory} does not write past the page cache: set TMPDIR to a directory on ext4, XFS or Btrfs");
            var read = new byte[(2 << 20) + 78];
            Assert.Equal(read.Length - 1, RandomAccess.Read(file, read, 0));
            Assert.True(array.AsSpan(part, (2 << 20) + 77).SequenceEqual(read.AsSpan(0, read.Length - 1)));
        }
    }

    [Fact]
    public void A_full_disk_leaves_an_empty_file_for_the_plain_way()
    {
        using var disk = TinyFileSystem.CreateOrSkip(6 << 10);
        using (var small = File.OpenHandle(Path.Combine(disk.Path, "small"), FileMode.CreateNew, FileAccess.ReadWrite))
        {
            if (!DirectFile.TryWrite(small, new byte[4096])) Assert.Skip("tmpfs of this kernel does not write past the page cache: Linux 6.6 is the first whose does");
        }

        using var file = File.OpenHandle(Path.Combine(disk.Path, "file"), FileMode.CreateNew, FileAccess.ReadWrite);
        Assert.False(DirectFile.TryWrite(file, new byte[9 << 20]));
        Assert.Equal(0, RandomAccess.GetLength(file));
        using var memory = new PageBuffer(9 << 20);
        Assert.False(DirectFile.TryWrite(file, memory.Span));
        Assert.Equal(0, RandomAccess.GetLength(file));
    }

    private static nint Address(byte[] pinned) => Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0);

    private Microsoft.Win32.SafeHandles.SafeFileHandle Write(byte[] content)
    {
        var path = Path.Combine(_directory, "read");
        File.WriteAllBytes(path, content);
        var file = File.OpenHandle(path);
        using var memory = new PageBuffer(DirectFile.ShortestRead);
        if (DirectFile.Read(file, memory.Span, 0) != memory.Length) Assert.Skip($"the file system of {_directory} does not read past the page cache: set TMPDIR to a directory on ext4, XFS or Btrfs");
        return file;
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
