using NodeAgent.Cli.Terminal;
using NodeAgent.Cli.Text;

namespace NodeAgent.Cli.Tests.Text;

public sealed class TextTableTests
{
    [Fact]
    public void All_is_printed_where_there_is_no_terminal_or_room_enough()
    {
        string[] full =
        [
            "NAME     SIZE   SOURCE                   NOTE",
            "first      12   /srv/data/shop/uploads   short",
            "second   3456   /srv/other               a note that is longer",
        ];
        Assert.Equal(full, Lines(null));
        Assert.Equal(full, Lines(63));
    }

    [Fact]
    public void On_a_narrow_terminal_gaps_and_texts_shrink_those_first_that_are_missed_least()
    {
        Assert.Equal(
            [
                "NAME    SIZE  SOURCE                  NOTE",
                "first     12  /srv/data/shop/uploads  short",
                "second  3456  /srv/other              a note…",
            ],
            Lines(45));
        Assert.Equal(
            [
                "NAME    SIZE  SOURCE            NOTE",
                "first     12  …ta/shop/uploads  sho…",
                "second  3456  /srv/other        a n…",
            ],
            Lines(36));
    }

    [Fact]
    public void Where_cutting_is_not_enough_columns_go_whole_and_the_others_are_cut_no_more_than_they_must() =>
        Assert.Equal(
            [
                "NAME    SIZE  SOURCE",
                "first     12  …hop/uploads",
                "second  3456  /srv/other",
            ],
            Lines(26));

    [Fact]
    public void No_row_is_wider_than_the_terminal_as_long_as_the_columns_that_stay_fit()
    {
        for (var columns = 12; columns < 70; columns++)
            Assert.All(Lines(columns), line => Assert.InRange(DisplayText.Width(line), 1, columns));
    }

    [Fact]
    public void A_column_without_any_text_goes_before_anything_is_cut()
    {
        var table = new TextTable("NAME", "QUEUE POSITION", "SELECTOR").Yielding(new ColumnYield(2, 4), new ColumnYield(1, 4));
        table.Add("backup", "", "app=shop");
        using var writer = new StringWriter { NewLine = "\n" };
        table.WriteTo(writer, 18);
        Assert.Equal("NAME     SELECTOR\nbackup   app=shop\n", writer.ToString());
    }

    private static string[] Lines(int? columns)
    {
        var table = new TextTable("NAME", "SIZE", "SOURCE", "NOTE").AlignRight(1)
            .Yielding(new ColumnYield(3, 4), new ColumnYield(2, 10) { KeepsEnd = true, Stays = false }, new ColumnYield(1, 0));
        table.Add("first", "12", "/srv/data/shop/uploads", "short");
        table.Add("second", "3456", "/srv/other", "a note that is longer");
        using var writer = new StringWriter { NewLine = "\n" };
        table.WriteTo(writer, columns);
        return writer.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
