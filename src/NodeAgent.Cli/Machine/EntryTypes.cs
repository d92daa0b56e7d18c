using NodeAgent.Repository.Trees;

namespace NodeAgent.Cli.Machine;

/// <summary>The types of entries, as a letter of ls and as a word in JSON.</summary>
internal static class EntryTypes
{
    public static char Letter(TreeEntryType type) => type switch
    {
        TreeEntryType.Directory => 'd',
        TreeEntryType.SymbolicLink => 'l',
        TreeEntryType.CharacterDevice => 'c',
        TreeEntryType.BlockDevice => 'b',
        TreeEntryType.Fifo => 'p',
        TreeEntryType.Socket => 's',
        _ => '-',
    };

    public static string Word(TreeEntryType type) => type switch
    {
        TreeEntryType.Directory => "directory",
        TreeEntryType.SymbolicLink => "symlink",
        TreeEntryType.CharacterDevice => "char-device",
        TreeEntryType.BlockDevice => "block-device",
        TreeEntryType.Fifo => "fifo",
        TreeEntryType.Socket => "socket",
        _ => "file",
    };
}
