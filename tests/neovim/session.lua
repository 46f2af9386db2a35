-- A session of a person who edits a percent script in Neovim; any error ends it with exit code 1.
local server = assert(vim.env.NBHOIST_BIN, "NBHOIST_BIN names the server")
local PATIENCE = 30000

local function check(condition, text)
  if not condition then
    io.stderr:write("neovim: " .. text .. "\n")
    vim.cmd("cquit 1")
  end
end

local function wait(what, condition)
  check(vim.wait(PATIENCE, condition, 50), what .. " did not come about")
end

local folder = vim.fn.tempname()
vim.fn.mkdir(folder, "p")
local file = folder .. "/script.py"
vim.fn.writefile({
  "# %%",
  "print(total)",
  "# %% tags=[\"nbhoist:heavy\"]",
  "total = sum(range(10))",
  "# %%",
  "print('ümläut 😀', totla)",
}, file)
-- What the documentation says to put into `init.lua`; it takes the program from `PATH`.
local page = table.concat(vim.fn.readfile("../../docs/editors.md"), "\n")
local configuration = assert(page:match("```lua\n(.-)```"), "docs/editors.md has no configuration")
assert(loadstring(configuration))()
vim.env.PATH = vim.fn.fnamemodify(server, ":p:h") .. ":" .. vim.env.PATH

local shown = {}
vim.lsp.handlers["window/showMessage"] = function(_, message)
  table.insert(shown, message.message)
end
vim.cmd("edit " .. file)
vim.bo.filetype = "python"
wait("the server", function()
  return next(vim.lsp.buf_get_clients(0)) ~= nil
end)
local client = select(2, next(vim.lsp.buf_get_clients(0))).id

-- Diagnostics: a name that is defined only further down, and one that is defined nowhere.
wait("diagnostics", function()
  return #vim.diagnostic.get(0) >= 2
end)
local found = {}
for _, diagnostic in ipairs(vim.diagnostic.get(0)) do
  found[diagnostic.code] = diagnostic
end
local later, nowhere = found["NBH201"], found["NBH202"]
check(later and later.lnum == 1 and later.col == 6, "NBH201 stands at `total`: " .. vim.inspect(vim.diagnostic.get(0)))
-- Neovim counts bytes where the server counts UTF-16: the column is right only when both say so.
check(nowhere and nowhere.lnum == 5, "NBH202 stands at `totla`")
local line = vim.api.nvim_buf_get_lines(0, 5, 6, false)[1]
check(line:sub(nowhere.col + 1, nowhere.col + 5) == "totla", "the column is that of `totla`: " .. nowhere.col)

local function actions(lnum, col, diagnostics)
  local at = { line = lnum, character = col }
  local parameters = {
    textDocument = vim.lsp.util.make_text_document_params(),
    range = { start = at, ["end"] = at },
    context = { diagnostics = diagnostics },
  }
  local answers = vim.lsp.buf_request_sync(0, "textDocument/codeAction", parameters, PATIENCE)
  check(answers and answers[client] and answers[client].result, "code actions: " .. vim.inspect(answers))
  return answers[client].result
end

local function named(list, title)
  for _, action in ipairs(list) do
    if action.title:find(title, 1, true) then
      return action
    end
  end
  check(false, "no action `" .. title .. "` in " .. vim.inspect(list))
end

-- An action that edits: the finding goes.
local ignore = named(actions(1, 6, {}), "Ignore NBH201 here")
vim.lsp.util.apply_workspace_edit(ignore.edit, vim.lsp.get_client_by_id(client).offset_encoding)
line = vim.api.nvim_buf_get_lines(0, 1, 2, false)[1]
check(line:find("nbhoist: ignore[NBH201]", 1, true), "the comment was not written: " .. line)
wait("the end of NBH201", function()
  local left = vim.diagnostic.get(0)
  return #left == 1 and left[1].code == "NBH202"
end)

-- An action that is a command: the plan of the block comes as a message.
named(actions(3, 0, {}), "Run cell 2 on local")
local explain = named(actions(3, 0, {}), "Explain what moving cell 2 takes")
local answers = vim.lsp.buf_request_sync(0, "workspace/executeCommand", explain.command, PATIENCE)
check(answers and answers[client] and answers[client].result, "the command: " .. vim.inspect(answers))
wait("the plan", function()
  return shown[1] ~= nil and shown[1]:find("total", 1, true) ~= nil
end)

vim.lsp.stop_client(client)
wait("the end of the server", function()
  return vim.lsp.client_is_stopped(client)
end)
print("neovim: diagnostics, an edit and a command work\n")
vim.cmd("qall!")
