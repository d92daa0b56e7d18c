using System.Diagnostics;
using System.Globalization;
using NodeAgent.Filesystem.Interop;
using NodeAgent.Filesystem.Tests.Support;

namespace NodeAgent.Filesystem.Tests.Interop;

/// <summary>Numbers that are written down in Interop, compared with what this machine's C headers say.</summary>
public sealed class HeaderTests
{
    [Fact]
    public void Constants_and_layouts_are_those_of_the_headers()
    {
        var expected = new Dictionary<string, ulong>
        {
            ["O_RDONLY"] = OpenFlags.ReadOnly,
            ["O_WRONLY"] = OpenFlags.WriteOnly,
            ["O_RDWR"] = OpenFlags.ReadWrite,
            ["O_CREAT"] = OpenFlags.Create,
            ["O_EXCL"] = OpenFlags.Exclusive,
            ["O_NONBLOCK"] = OpenFlags.NonBlocking,
            ["O_NOATIME"] = OpenFlags.NoAccessTime,
            ["O_CLOEXEC"] = OpenFlags.CloseOnExec,
            ["O_PATH"] = OpenFlags.PathOnly,
            ["O_DIRECTORY"] = (ulong)OpenFlags.Directory,
            ["O_NOFOLLOW"] = (ulong)OpenFlags.NoFollow,
            ["AT_FDCWD"] = unchecked((ulong)LibC.CurrentDirectory),
            ["AT_SYMLINK_NOFOLLOW"] = LibC.NoFollowLinks,
            ["AT_SYMLINK_FOLLOW"] = LibC.FollowLinks,
            ["AT_EMPTY_PATH"] = LibC.EmptyPath,
            ["AT_REMOVEDIR"] = LibC.RemoveDirectory,
            ["RENAME_NOREPLACE"] = Files.RenameNoReplace,
            ["SYS_openat2"] = (ulong)Files.OpenAt2Number,
            ["SYS_getdents64"] = (ulong)Files.GetDentsNumber,
            ["SYS_renameat2"] = (ulong)Files.RenameAt2Number,
            ["RESOLVE_NO_MAGICLINKS"] = Files.ResolveNoMagicLinks,
            ["RESOLVE_NO_SYMLINKS"] = Files.ResolveNoSymlinks,
            ["RESOLVE_BENEATH"] = Files.ResolveBeneath,
            ["STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID"] = Files.StatMask,
            ["SEEK_DATA"] = Files.SeekData,
            ["SEEK_HOLE"] = Files.SeekHole,
            ["POSIX_FADV_SEQUENTIAL"] = Files.AdviseSequential,
            ["POSIX_FADV_WILLNEED"] = Files.AdviseWillNeed,
            ["POSIX_FADV_DONTNEED"] = Files.AdviseDontNeed,
            ["FS_IOC_GETFLAGS"] = Files.GetFlags,
            ["FS_IOC_SETFLAGS"] = Files.SetFlags,
            ["makedev(7, 200000)"] = Files.DeviceNumber(7, 200000),
            ["makedev(0xfffff, 0xfffff)"] = Files.DeviceNumber(0xfffff, 0xfffff),
            ["EPERM"] = Errno.NotPermitted,
            ["ENOENT"] = Errno.NoEntry,
            ["EIO"] = Errno.InputOutput,
            ["EWOULDBLOCK"] = Errno.WouldBlock,
            ["ESTALE"] = Errno.Stale,
            ["ENXIO"] = Errno.NoDeviceOrAddress,
            ["EACCES"] = Errno.AccessDenied,
            ["EEXIST"] = Errno.Exists,
            ["EXDEV"] = Errno.CrossDevice,
            ["ENOTDIR"] = Errno.NotDirectory,
            ["EISDIR"] = Errno.IsDirectory,
            ["EINVAL"] = Errno.Invalid,
            ["ENOTTY"] = Errno.NotTty,
            ["ENOSPC"] = Errno.NoSpace,
            ["EROFS"] = Errno.ReadOnly,
            ["EMLINK"] = Errno.ManyNames,
            ["ERANGE"] = Errno.Range,
            ["ENOSYS"] = Errno.NotImplemented,
            ["ENOTEMPTY"] = Errno.NotEmpty,
            ["ELOOP"] = Errno.TooManyLinks,
            ["ENODATA"] = Errno.NoData,
            ["EOPNOTSUPP"] = Errno.NotSupported,
            ["EDQUOT"] = Errno.QuotaExceeded,
            // Where Files.Status and Files.Names read each field.
            ["sizeof(struct statx)"] = Files.StatLength,
            ["offsetof(struct statx, stx_mask)"] = 0,
            ["offsetof(struct statx, stx_nlink)"] = 16,
            ["offsetof(struct statx, stx_uid)"] = 20,
            ["offsetof(struct statx, stx_gid)"] = 24,
            ["offsetof(struct statx, stx_mode)"] = 28,
            ["offsetof(struct statx, stx_ino)"] = 32,
            ["offsetof(struct statx, stx_size)"] = 40,
            ["offsetof(struct statx, stx_blocks)"] = 48,
            ["offsetof(struct statx, stx_btime)"] = 80,
            ["offsetof(struct statx, stx_ctime)"] = 96,
            ["offsetof(struct statx, stx_mtime)"] = 112,
            ["offsetof(struct statx, stx_rdev_major)"] = 128,
            ["offsetof(struct statx, stx_rdev_minor)"] = 132,
            ["offsetof(struct statx, stx_dev_major)"] = 136,
            ["offsetof(struct statx, stx_dev_minor)"] = 140,
            ["offsetof(struct statx, stx_mnt_id)"] = 144,
            ["offsetof(struct statx_timestamp, tv_nsec)"] = 8,
            ["offsetof(struct dirent64, d_reclen)"] = 16,
            ["offsetof(struct dirent64, d_name)"] = 19,
            ["offsetof(struct open_how, mode)"] = 8,
            ["offsetof(struct open_how, resolve)"] = 16,
            ["sizeof(struct open_how)"] = 24,
            ["sizeof(struct timespec)"] = 16,
            ["sizeof(off_t)"] = 8,
        };

        var found = AskCompiler(expected.Keys);

        Assert.Equal(expected.Select(e => $"{e.Key} = {e.Value}"), found.Select(f => $"{f.Key} = {f.Value}"));
    }

    [Fact]
    public async Task The_kernel_agrees_with_stat_about_every_field()
    {
        await using var test = await TestBackup.CreateAsync();
        test.Shell("printf 12345 > file; ln file again; chmod 4711 file; touch -d '1969-07-20 20:17:40.123456789 UTC' file");
        using var directory = Files.OpenRoot(test.Source);
        var status = Files.Status(directory, "file"u8);

        var text = TestBackup.Run("stat", "-c", "%f %h %u %g %i %s %b", test.InSource("file")).Trim();

        Assert.Equal(text, string.Create(CultureInfo.InvariantCulture, $"{status.Mode:x} {status.Links} {status.UserId} {status.GroupId} {status.Inode} {status.Size} {status.Blocks}"));
        Assert.Equal((-14182940L, 123456789u), (status.Modified.Seconds, status.Modified.Nanoseconds));
    }

    private static Dictionary<string, ulong> AskCompiler(IEnumerable<string> expressions)
    {
        var directory = Directory.CreateTempSubdirectory("nodeagent-headers-").FullName;
        try
        {
            var source = Path.Combine(directory, "ask.c");
            File.WriteAllText(source, $$"""
                #define _GNU_SOURCE
                #include <dirent.h>
                #include <errno.h>
                #include <fcntl.h>
                #include <linux/fs.h>
                #include <linux/openat2.h>
                #include <stddef.h>
                #include <stdio.h>
                #include <sys/ioctl.h>
                #include <sys/stat.h>
                #include <sys/syscall.h>
                #include <sys/sysmacros.h>
                #include <time.h>
                #include <unistd.h>
                int main(void) {
                {{string.Join('\n', expressions.Select(e => $"    printf(\"%s\\t%llu\\n\", \"{e}\", (unsigned long long)({e}));"))}}
                    return 0;
                }
                """);
            try
            {
                using var version = Process.Start(new ProcessStartInfo("gcc", ["--version"]) { RedirectStandardOutput = true })!;
                version.StandardOutput.ReadToEnd();
                version.WaitForExit();
            }
            catch (System.ComponentModel.Win32Exception)
            {
                Assert.Skip("there is no gcc to ask");
            }

            var program = Path.Combine(directory, "ask");
            TestBackup.Run("gcc", "-o", program, source);
            return TestBackup.Run(program).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'))
                .ToDictionary(parts => parts[0], parts => ulong.Parse(parts[1], CultureInfo.InvariantCulture));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
